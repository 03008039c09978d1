import { readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { directoryFetch, METADATA_URL, MemoryStore, TARGETS_URL } from '../../src/node/repository-directory.js';
import { Updater } from '../../src/tuf/updater.js';
import { Workspace } from './workspace.js';

const files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`assets/${i}.js`, `run(${i})`]));

test('clients up to eight releases behind get targets metadata as a delta of a kilobyte or two, others whole', async () => {
  const workspace = await Workspace.make({ 'index.html': '<h1>App</h1>', ...files });
  await workspace.published();
  const behind = [new MemoryStore()];
  for (const store of behind) await workspace.refresh(store);
  for (let release = 2; release <= 10; release++) {
    await workspace.write('app', { 'assets/7.js': `run("${release}")`, [`assets/added-${release}.js`]: 'run()' });
    await workspace.publish();
    const store = new MemoryStore();
    if (release < 10) await workspace.refresh(store);
    behind.push(store);
  }
  const { length } = await readFile(workspace.path('out/vouchsafe/metadata/10.targets.json'));
  expect(length).toBeGreaterThan(25_000);
  const newest = (await readdir(workspace.path('out/vouchsafe/metadata/deltas'))).filter((name) =>
    name.endsWith('.10.targets.json'),
  );
  expect(newest).toHaveLength(8);

  const asked: string[] = [];
  const fetch = directoryFetch(workspace.path('out/vouchsafe'));
  for (const [i, store] of behind.entries()) {
    asked.length = 0;
    const bytes: number[] = [];
    const client = new Updater({
      root: await readFile(workspace.path('project/root/1.root.json')),
      store,
      fetch: async (url) => {
        asked.push(new URL(url).pathname.replace(/[0-9a-f]{64}/, '#'));
        const answer = await fetch(url);
        bytes.push((await answer.clone().arrayBuffer()).byteLength);
        return answer;
      },
      metadataUrl: METADATA_URL,
      targetsUrl: TARGETS_URL,
      now: () => workspace.now,
      hasDeltas: true,
    });
    const { targets } = await client.refresh();
    expect(targets?.version).toBe(10);
    const isWhole = asked.includes('/metadata/10.targets.json');
    // The first is nine behind, the last has nothing.
    expect(isWhole, `release ${i + 1}`).toBe(i === 0 || i === 9);
    if (!isWhole) {
      expect(asked.at(-1)).toBe('/metadata/deltas/#.10.targets.json');
      expect(bytes.at(-1)).toBeLessThan(2_500);
    }
  }
});

test('a damaged version of the targets metadata costs its delta, and stops no release', async () => {
  const workspace = await Workspace.make({ 'index.html': '<h1>App</h1>', ...files });
  await workspace.published();
  await workspace.write('app', { 'assets/7.js': 'run("two")' });
  await workspace.publish();
  await writeFile(workspace.path('out/vouchsafe/metadata/1.targets.json'), new Uint8Array([0xff, 0x2c]));
  await workspace.write('app', { 'assets/7.js': 'run("three")' });
  await workspace.publish();
  const names = await readdir(workspace.path('out/vouchsafe/metadata/deltas'));
  expect(names.filter((name) => name.endsWith('.3.targets.json'))).toHaveLength(1);
  await workspace.refresh(new MemoryStore());
});

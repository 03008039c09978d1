import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { PublishOptions } from '../../src/node/publish.js';
import { MANIFEST_PATH } from '../../src/release/manifest.js';
import { FIRST_PACK, packsOf } from '../../src/release/packs.js';
import { Workspace } from './workspace.js';

const PAGE = { 'index.html': '<h1>App</h1>' };
const scripts = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`assets/${i}.js`, `run(${i})`]));
const FOLDER = 'out/vouchsafe/targets/vouchsafe/packs';

const packsIn = (workspace: Workspace) => readdir(workspace.path(FOLDER)).catch(() => []);
const targetsOf = async (workspace: Workspace) => [...((await workspace.refresh()).targets?.files.values() ?? [])];

async function publishedApp(files: Record<string, string | Uint8Array>, options: Partial<PublishOptions> = {}): Promise<Workspace> {
  const workspace = await Workspace.make({ ...PAGE, ...files });
  await workspace.published(options);
  return workspace;
}

describe('packs', () => {
  test('an app of many files has one, whose content a worker finds out from signed data alone', async () => {
    const workspace = await publishedApp({ ...scripts(50), 'seal.png': 'png', 'again.js': 'run(0)' });
    const [pack, ...others] = packsOf(await workspace.manifest(), await targetsOf(workspace));
    expect(others).toEqual([]);
    expect(pack?.path).toBe(FIRST_PACK);
    // What has the same bytes is in it once; images come last; nothing of our own is in it.
    const paths = pack?.files.map(({ path }) => path) ?? [];
    expect(paths.slice(0, 3)).toEqual(['again.js', 'assets/1.js', 'assets/10.js']);
    expect(paths.slice(-2)).toEqual(['index.html', 'seal.png']);
    expect(paths).toHaveLength(52);
    const texts = await Promise.all(paths.map((path) => workspace.read(`app/${path}`)));
    expect(new TextDecoder().decode(await workspace.target(FIRST_PACK))).toBe(texts.join(''));
    expect(await packsIn(workspace)).toHaveLength(1);
    // Everywhere the same bytes.
    const elsewhere = await publishedApp({ 'again.js': 'run(0)', 'seal.png': 'png', ...scripts(50) });
    expect(await packsIn(elsewhere)).toEqual(await packsIn(workspace));
  });

  test('a small app has none', async () => {
    const workspace = await publishedApp(scripts(30));
    expect((await targetsOf(workspace)).filter(({ path }) => path.startsWith('vouchsafe/packs/'))).toEqual([]);
    expect(await packsIn(workspace)).toEqual([]);
  });

  test('what is not needed on a first visit, or large, is in none', async () => {
    const large = { 'large.js': new Uint8Array(2 ** 20).fill(97), 'larger.bin': new Uint8Array(2 ** 20 + 1) };
    const files = [
      { path: 'demand/**', keep: 'on-demand' },
      { path: 'optional/**', keep: 'precache', optional: true },
    ] as const;
    const workspace = await publishedApp(
      { ...scripts(40), ...large, 'demand/a.js': 'a', 'optional/b.js': 'b' },
      { files, chunkFrom: false },
    );
    const [pack] = packsOf(await workspace.manifest(), await targetsOf(workspace));
    const paths = pack?.files.map(({ path }) => path).sort();
    expect(paths).toEqual([...Object.keys(scripts(40)), 'index.html'].sort());
    expect(paths).not.toContain(MANIFEST_PATH);
  });

  test('none has more than 8,000,000 bytes, nor few files', async () => {
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.bin`, new Uint8Array(200_000).fill(i)]));
    const workspace = await publishedApp({ ...files, ...scripts(40) });
    const targets = (await targetsOf(workspace)).filter(({ path }) => path.startsWith('vouchsafe/packs/'));
    expect(targets.map(({ length }) => length <= 8_000_000)).toEqual([true]);
    const packs = packsOf(await workspace.manifest(), await targetsOf(workspace));
    expect(packs.map(({ path, length }) => ({ path, length }))).toEqual(targets.map(({ path, length }) => ({ path, length })));
  });

  test('the next release has its own, and that of the one before is deleted, also when none follows', async () => {
    const workspace = await publishedApp(scripts(50));
    const [first] = await packsIn(workspace);
    const again = await workspace.publish();
    expect(again.bumped).toEqual([]);
    expect(await packsIn(workspace)).toEqual([first]);
    await workspace.write('app', { 'assets/3.js': 'changed()' });
    await workspace.write(FOLDER, { 'of-somebody-else.txt': 'stays' });
    const next = await workspace.publish();
    // A person is told of the app's files.
    expect(next).toMatchObject({ added: [], changed: ['assets/3.js'], removed: [] });
    const second = (await packsIn(workspace)).filter((name) => name !== 'of-somebody-else.txt');
    expect(second).toHaveLength(1);
    expect(second).not.toEqual([first]);
    await workspace.publish({ files: [{ path: 'assets/**', keep: 'on-demand' }] });
    expect(await packsIn(workspace)).toEqual(['of-somebody-else.txt']);
  });

  test('a publish that fails deletes nothing', async () => {
    const workspace = await publishedApp(scripts(50));
    const before = await packsIn(workspace);
    await workspace.write('app', { 'assets/3.js': 'changed()' });
    const timestamp = workspace.path('out/vouchsafe/metadata/timestamp.json');
    const forge = (sig: string) => sig.slice(0, -1) + (sig.endsWith('0') ? '1' : '0');
    await writeFile(timestamp, (await readFile(timestamp, 'utf8')).replace(/"sig":"[0-9a-f]/, forge));
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-output' });
    expect(await packsIn(workspace)).toEqual(before);
  });

  test('the manifest does not change with what is in them, nor when there are none any more', async () => {
    const workspace = await publishedApp(scripts(31));
    const before = await workspace.target(MANIFEST_PATH);
    await workspace.write('app', scripts(32));
    await workspace.publish();
    expect(await packsIn(workspace)).toHaveLength(1);
    expect(await workspace.target(MANIFEST_PATH)).toEqual(before);
  });
});

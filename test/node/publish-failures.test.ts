import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/node/repository-directory.js';
import { OWN_TARGETS, Workspace } from './workspace.js';

/** A workspace with one release that a client has, and a second one ready to be published. */
const betweenReleases = async (): Promise<{ workspace: Workspace; store: MemoryStore }> => {
  const workspace = await Workspace.make({ 'index.html': 'page', 'app.js': 'old' });
  await workspace.published();
  const store = new MemoryStore();
  await workspace.refresh(store);
  await workspace.write('app', { 'app.js': 'new', 'more.html': 'more' });
  return { workspace, store };
};

/** The first release is what clients, old and new, get whole. */
const firstStands = async (workspace: Workspace, store: MemoryStore): Promise<void> => {
  for (const known of [store, new MemoryStore()]) {
    const client = await workspace.client(known);
    const { timestamp, targets } = await client.refresh();
    expect(timestamp?.version).toBe(1);
    for (const target of targets?.files.values() ?? []) await client.downloadTarget(target);
  }
};

describe('the order of writing', () => {
  // A folder where a file should go makes exactly that write fail. What is there then was written before it, what is not comes after.
  const steps = [
    'targets/HASH.more.html',
    'metadata/2.targets.json',
    'metadata/2.snapshot.json',
    'vouchsafe-loader.js',
    'more.html',
  ];
  test.each([
    ['metadata/2.targets.json', 1],
    ['metadata/2.snapshot.json', 2],
    ['vouchsafe-loader.js', 3],
    ['more.html', 4],
  ])('a failure at %s leaves the previous release, and the next try succeeds', async (step, done) => {
    const { workspace, store } = await betweenReleases();
    await rm(workspace.path('out', 'vouchsafe-loader.js'));
    const path = step.startsWith('metadata/') ? `vouchsafe/${step}` : step;
    await mkdir(workspace.path('out', path, 'in-the-way'), { recursive: true });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining(basename(step)),
    });
    const there = (await workspace.list()).map((file) => file.replace('vouchsafe/', '').replace(/[0-9a-f]{64}/, 'HASH'));
    expect(steps.filter((file) => there.includes(file))).toEqual(steps.slice(0, done));
    await firstStands(workspace, store);
    await rm(workspace.path('out', path), { recursive: true });
    await expect(workspace.publish()).resolves.toMatchObject({ roles: { timestamp: { version: 2 } } });
    await expect(workspace.refresh(store)).resolves.toMatchObject({ timestamp: { version: 2 } });
    expect(await workspace.list()).not.toContainEqual(expect.stringContaining('.publishing'));
  });

  test('the worker comes when the metadata that lists it is there', async () => {
    const { workspace, store } = await betweenReleases();
    const script = workspace.path('out', 'vouchsafe-worker.js');
    await rm(script);
    await mkdir(workspace.path('out', 'vouchsafe-worker.js', 'in-the-way'), { recursive: true });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('vouchsafe-worker.js'),
    });
    await expect(workspace.refresh(store)).resolves.toMatchObject({ timestamp: { version: 2 } });
    await rm(script, { recursive: true });
    await workspace.publish();
    expect(await workspace.read('out/vouchsafe-worker.js')).not.toBe('');
  });

  test('a file where the folder of a target should go leaves the previous release', async () => {
    const { workspace, store } = await betweenReleases();
    await workspace.write('app', { 'sub/x.js': 'x' });
    await workspace.write('out/vouchsafe/targets', { sub: 'in the way' });
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-output' });
    await firstStands(workspace, store);
  });
});

describe('the self-check', () => {
  test('refuses a release that a client would refuse as expired; the previous one stays', async () => {
    const { workspace, store } = await betweenReleases();
    // Dates are whole seconds: half a second of life is over at once.
    await expect(workspace.publish({ expires: { timestamp: 0.5 } })).rejects.toMatchObject({
      code: 'self-check',
      message: expect.stringContaining('(expired: role timestamp version 2'),
    });
    await firstStands(workspace, store);
  });

  test('reads what was written: a target altered on its way is found', async () => {
    const { workspace, store } = await betweenReleases();
    const alter = async (): Promise<void> => {
      for (const path of await workspace.list())
        if (path.endsWith('.more.html')) await writeFile(workspace.path('out', path), 'evil');
    };
    let altered: Promise<void> | undefined;
    const publishing = workspace.publish({
      onProgress: ({ step, bytes, totalBytes }) => {
        if (step === 'writing' && bytes === totalBytes) altered ??= alter();
      },
    });
    await expect(publishing).rejects.toMatchObject({ code: 'self-check', message: expect.stringContaining('more.html') });
    await altered;
    await firstStands(workspace, store);
  });

  test('a file that the build writes again in the meantime is an error, not a broken release', async () => {
    const { workspace, store } = await betweenReleases();
    let changed: Promise<void> | undefined;
    const publishing = workspace.publish({
      onProgress: ({ step, bytes, totalBytes }) => {
        if (step === 'reading' && bytes === totalBytes) changed ??= workspace.write('app', { 'app.js': 'NEW' });
      },
    });
    await expect(publishing).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('changed while') });
    await changed;
    await firstStands(workspace, store);
  });
});

describe('two publishes at once', () => {
  test('the second is refused, and the first is not disturbed', async () => {
    const { workspace } = await betweenReleases();
    const outcomes = await Promise.allSettled([workspace.publish(), workspace.publish()]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => reason)).toMatchObject([
      { code: 'bad-output', message: expect.stringContaining('is publishing') },
    ]);
    await expect(workspace.refresh()).resolves.toMatchObject({ timestamp: { version: 2 } });
  });

  test('the process that runs is named, and what is its is not touched', async () => {
    const { workspace } = await betweenReleases();
    await workspace.write('out/vouchsafe/.publishing', { process: String(process.pid) });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining(`process ${process.pid} is`),
    });
    expect(await workspace.read('out/vouchsafe/.publishing/process')).toBe(String(process.pid));
  });

  test('deleted targets are written again', async () => {
    const { workspace } = await betweenReleases();
    await workspace.publish();
    await rm(workspace.path('out/vouchsafe/targets'), { recursive: true });
    await expect(workspace.publish()).resolves.toMatchObject({ bumped: [], written: 4 + OWN_TARGETS });
    const client = await workspace.client();
    for (const target of (await client.refresh()).targets?.files.values() ?? []) await client.downloadTarget(target);
  });

  test('what a process that is gone left behind is cleared', async () => {
    const { workspace } = await betweenReleases();
    const gone = spawn('true');
    await once(gone, 'exit');
    await workspace.write('out/vouchsafe/.publishing', { process: String(gone.pid), '0123': 'half a file' });
    await expect(workspace.publish()).resolves.toMatchObject({ roles: { timestamp: { version: 2 } } });
    expect(await workspace.list()).not.toContainEqual(expect.stringContaining('.publishing'));
  });
});

describe('a publish that is killed', () => {
  // The real command, killed as soon as a file shows how far it is.
  test.each([
    'vouchsafe/.publishing/process',
    'vouchsafe/targets/HASH.0.js',
    'vouchsafe/targets/HASH.40.js',
    'vouchsafe/metadata/2.targets.json',
    'vouchsafe/metadata/2.snapshot.json',
    'vouchsafe-worker.js',
    'last.html',
  ])('at %s leaves a release that old and new clients accept whole', { timeout: 30_000 }, async (sign) => {
    const numbered = (content: string): Record<string, string> =>
      Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`${i}.js`, `${content} ${i}`]));
    const workspace = await Workspace.make({ ...numbered('old'), 'index.html': 'page' });
    workspace.now = Date.now();
    await workspace.published();
    const store = new MemoryStore();
    await workspace.refresh(store);
    await rm(workspace.path('out/vouchsafe-worker.js'));
    await workspace.write('app', { ...numbered('new'), 'last.html': 'page' });
    const hash = createHash('sha256')
      .update(`new ${sign.match(/\d+(?=\.js)/)?.[0]}`)
      .digest('hex');

    const child = start(workspace);
    const file = workspace.path('out', sign.replace('HASH', hash));
    while (!existsSync(file) && child.exitCode === null) await setTimeout(0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Else it was over before the kill, which then proves nothing.
    expect(child.signalCode).toBe('SIGKILL');
    for (const known of [store, new MemoryStore()]) {
      const client = await workspace.client(known);
      const { targets } = await client.refresh();
      for (const target of targets?.files.values() ?? []) await client.downloadTarget(target);
    }
    // With the command's own scripts, which are targets: it may have come to its end just before the kill.
    await workspace.publish({ bundles: new URL('../../dist/bundles/', import.meta.url).pathname });
    await expect(workspace.refresh(store)).resolves.toMatchObject({ timestamp: { version: 2 } });
    expect(await workspace.list()).not.toContainEqual(expect.stringContaining('.publishing'));
  });
});

function start(workspace: Workspace): ChildProcess {
  const cli = new URL('../../dist/node/cli.js', import.meta.url).pathname;
  const folders = ['--out', workspace.path('out'), '--project', workspace.path('project')];
  return spawn(process.execPath, [cli, 'publish', workspace.path('app'), ...folders], { stdio: ['ignore', 'ignore', 'inherit'] });
}

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { flushFiles } from '../../src/node/flush.js';
import { PublisherError } from '../../src/node/publisher-error.js';
import { MemoryStore } from '../../src/node/repository-directory.js';
import { Workspace } from './workspace.js';

/** Told of each flush before it is done; what it throws, the disk says. */
let disk: (files: readonly string[]) => void = () => {};

vi.mock('../../src/node/flush.js', async (load) => {
  const real = await load<typeof import('../../src/node/flush.js')>();
  return {
    flushFiles: async (folder: string, files: readonly string[]) => {
      disk(files);
      await real.flushFiles(folder, files);
    },
  };
});

beforeEach(() => {
  disk = () => {};
});

/** What the output shows of a release to whoever asks. */
const visible = (workspace: Workspace): { version: number; page: string } => ({
  version: JSON.parse(readFileSync(workspace.path('out/vouchsafe/metadata/timestamp.json'), 'utf8')).signed.version,
  page: readFileSync(workspace.path('out/index.html'), 'utf8'),
});

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

const secondReady = async (): Promise<Workspace> => {
  const workspace = await Workspace.make({ 'index.html': 'old page', 'sub/a.js': 'old' });
  await workspace.published({ delivery: 'progressive' });
  await workspace.write('app', {
    'index.html': 'new page',
    'sub/a.js': 'new',
    'b.js': 'b',
    'large.bin': Buffer.alloc(3_000_000, 7),
  });
  return workspace;
};

describe('a power cut', () => {
  test('whatever a timestamp leads to was flushed, whole, while the one before was there', async () => {
    const workspace = await secondReady();
    const flushed = new Map<string, string>();
    disk = (files) => {
      if (visible(workspace).version === 1) for (const file of files) flushed.set(file, hashOf(file));
    };
    await workspace.publish({ delivery: 'progressive' });
    const targets = (await workspace.refresh()).targets?.files ?? new Map();
    for (const path of ['index.html', 'sub/a.js', 'b.js', 'large.bin']) {
      const { sha256 } = targets.get(path).hashes;
      const file = workspace.path(
        'out/vouchsafe/targets',
        path.replace(/[^/]+$/, (name) => `${sha256}.${name}`),
      );
      expect([path, flushed.get(file)]).toEqual([path, sha256]);
    }
    // These are renamed when they are flushed.
    const hashes = new Set(flushed.values());
    for (const name of ['2.targets.json', '2.snapshot.json'])
      expect([name, hashes.has(hashOf(workspace.path('out/vouchsafe/metadata', name)))]).toEqual([name, true]);
    expect(hashes.has(targets.get('vouchsafe.json').hashes.sha256)).toBe(true);
  });

  test('a page of progressive delivery is replaced when the disk has the next one, and not before', async () => {
    const workspace = await secondReady();
    const pages: string[] = [];
    disk = (files) => {
      // Those of the app come together; a 404.html, which is ours, by itself.
      if (files.length > 1 && files.some((file) => file.includes('.publishing') && readFileSync(file, 'utf8') === 'new page'))
        pages.push(visible(workspace).page);
    };
    await workspace.publish({ delivery: 'progressive' });
    expect(pages).toEqual(['old page']);
    expect(visible(workspace)).toEqual({ version: 2, page: 'new page' });
  });

  test.each([
    ['targets', '.b.js'],
    ['pages', '.publishing'],
  ])('a disk that does not take the %s leaves the previous release', async (_, part) => {
    const workspace = await secondReady();
    const store = new MemoryStore();
    await workspace.refresh(store);
    disk = (files) => {
      // Those that are written one by one are flushed one by one.
      if (files.length > 1 && files.some((file) => file.includes(part))) throw new PublisherError('bad-output', 'no disk');
    };
    await expect(workspace.publish({ delivery: 'progressive' })).rejects.toMatchObject({ code: 'bad-output', message: 'no disk' });
    expect(visible(workspace)).toEqual({ version: 1, page: 'old page' });
    disk = () => {};
    await expect(workspace.publish({ delivery: 'progressive' })).resolves.toMatchObject({ roles: { timestamp: { version: 2 } } });
    await expect(workspace.refresh(store)).resolves.toMatchObject({ timestamp: { version: 2 } });
    expect(visible(workspace)).toEqual({ version: 2, page: 'new page' });
  });
});

describe('flushFiles', () => {
  test.each([3, 200])('%i files', async (count) => {
    const workspace = await Workspace.make({});
    const folder = workspace.path('flushed');
    await mkdir(folder);
    const files = Array.from({ length: count }, (_, i) => join(folder, String(i)));
    await Promise.all(files.map((file) => writeFile(file, 'x')));
    await expect(flushFiles(folder, files)).resolves.toBeUndefined();
    const missing = files.map((file) => file.replace('flushed', 'missing'));
    await expect(flushFiles(workspace.path('missing'), missing)).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('cannot be flushed'),
    });
  });
});

describe('targets', () => {
  test('of which a killed publish left half are written again', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'app.js': 'run()' });
    const hash = createHash('sha256').update('run()').digest('hex');
    await workspace.write('out/vouchsafe/targets', { [`${hash}.app.js`]: 'run' });
    await workspace.published();
    expect(Buffer.from(await workspace.target('app.js')).toString()).toBe('run()');
  });

  test('whose names differ in case or Unicode form alone are each there', async () => {
    const names = ['é.js', 'e\u0301.js', 'App.js', 'app.js'];
    const workspace = await Workspace.make({ 'index.html': 'page', ...Object.fromEntries(names.map((name) => [name, 'same'])) });
    await workspace.published();
    for (const name of names) expect(Buffer.from(await workspace.target(name)).toString()).toBe('same');
    expect(readdirSync(workspace.path('out/vouchsafe/targets')).filter((name) => name.endsWith('.js'))).toHaveLength(
      names.length + 2,
    );
  });
});

import { copyFile, cp, mkdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { PublishOptions } from '../../src/node/publish.js';
import { DAY, OWN_TARGETS, Workspace } from './workspace.js';

const ready = async (files?: Record<string, string | Uint8Array>): Promise<Workspace> => {
  const workspace = await Workspace.make(files);
  await workspace.init();
  return workspace;
};

const outIsUntouched = (workspace: Workspace): Promise<void> =>
  expect(stat(workspace.path('out'))).rejects.toMatchObject({ code: 'ENOENT' });

describe('folders that are in each other’s way', () => {
  test.each([
    ['the output is the input', 'app', 'app'],
    ['the output is inside the input', 'app', 'app/out'],
    ['the output is inside the input by way of a link', 'app', 'link/out'],
    ['the output is deep inside the input', 'app', 'app/a/b/out'],
    ['the input is inside the output', 'app', '.'],
  ])('%s', async (_, directory, out) => {
    const workspace = await ready();
    await symlink(workspace.path('app'), workspace.path('link'));
    const before = await workspace.list('.');
    const publishing = workspace.publish({ directory: workspace.path(directory), out: workspace.path(out) });
    await expect(publishing).rejects.toMatchObject({ code: 'bad-output' });
    expect(await workspace.list('.')).toEqual(before);
  });

  test.each(['vouchsafe', 'vouchsafe/targets'])('a link at %s leads out of the output', async (link) => {
    const workspace = await ready();
    await mkdir(workspace.path(`out/${link}/..`), { recursive: true });
    await symlink(workspace.path('project'), workspace.path(`out/${link}`));
    const before = await workspace.list('project');
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-output', message: expect.stringContaining('leads out') });
    expect(await workspace.list('project')).toEqual(before);
  });

  test('folders whose names only begin alike are apart', async () => {
    const workspace = await ready();
    await expect(workspace.publish({ out: workspace.path('app-out') })).resolves.toMatchObject({ files: 2 + OWN_TARGETS + 1 });
    await expect(workspace.publish({ out: workspace.path('..out') })).resolves.toMatchObject({ files: 2 + OWN_TARGETS + 1 });
  });

  test.each([
    ['keys inside the input', 'app/project', 'out'],
    ['keys inside the output', 'out/project', 'out'],
    ['the output inside the keys', 'project', 'project/keys/out'],
    ['the output is the keys', 'project', 'project/keys'],
    ['keys linked into the input', 'link/project', 'out'],
  ])('%s', async (_, project, out) => {
    const workspace = await Workspace.make();
    await symlink(workspace.path('app'), workspace.path('link'));
    await workspace.init({ project: workspace.path(project) });
    const publishing = workspace.publish({ project: workspace.path(project), out: workspace.path(out) });
    await expect(publishing).rejects.toMatchObject({ code: 'key-exposed' });
  });

  test.each([
    ['gone', 'There is no folder'],
    ['app/app.js', 'not a folder'],
    ['app/app.js/x', 'There is no folder'],
  ])('the input %s', async (directory, message) => {
    const workspace = await ready();
    const publishing = workspace.publish({ directory: workspace.path(directory) });
    await expect(publishing).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining(message) });
    await outIsUntouched(workspace);
  });

  test('an output with other files in it, which would be deployed unsigned', async () => {
    const workspace = await ready();
    await workspace.write('out', { 'index.html': 'unsigned' });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('other files'),
    });
    expect(await workspace.list()).toEqual(['index.html']);
  });

  test('a file where the output should be', async () => {
    const workspace = await ready();
    await workspace.write('.', { out: 'a file' });
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-output' });
  });
});

describe('private keys in what is published', () => {
  test('a copy of a key file, under any name', async () => {
    const workspace = await ready();
    await mkdir(workspace.path('app/a'));
    await copyFile(workspace.path('project/keys/timestamp-1.json'), workspace.path('app/a/logo.png'));
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'key-exposed', message: expect.stringContaining('logo.png') });
    await outIsUntouched(workspace);
  });

  test("another project's key", async () => {
    const workspace = await ready();
    await workspace.init({ project: workspace.path('other') });
    await copyFile(workspace.path('other/keys/root-1.json'), workspace.path('app/root-1.json'));
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'key-exposed' });
  });

  // Files are read in pieces of 64 KiB: each place around the end of a piece.
  test.each([0, 65_430, 65_480, 65_520, 65_535, 65_536, 200_000])('a key inlined in a bundle after %d bytes', async (before) => {
    const workspace = await ready();
    const { private: key } = JSON.parse(await workspace.read('project/keys/targets-1.json')) as { private: string };
    await workspace.write('app', { 'bundle.js': `${' '.repeat(before)}${key}${' '.repeat(70_000)}` });
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'key-exposed' });
  });

  test('the words alone are no key', async () => {
    const workspace = await ready({ 'index.html': '<p>Keys look like vouchsafe-private-ed25519:0123…' });
    await expect(workspace.publish()).resolves.toMatchObject({ files: 1 + OWN_TARGETS + 1 });
  });
});

describe('options', () => {
  const bad: [string, Partial<PublishOptions>, string][] = [
    ['a relative base', { base: './' }, 'relative'],
    ['an empty base', { base: '' }, 'relative'],
    ['a base without its slashes', { base: 'app' }, 'both ends'],
    ['a base without the last slash', { base: '/app' }, 'both ends'],
    ['a base on another origin', { base: 'https://cdn.example/' }, 'both ends'],
    ['a base that a URL parser reads as a host', { base: '//cdn.example/' }, 'both ends'],
    ['a base with dot segments', { base: '/a/../' }, 'both ends'],
    ['a base with a query', { base: '/?a/' }, 'both ends'],
    ['a base that is markup', { base: '/"><script>/' }, 'both ends'],
    ['a passthrough that is no path', { passthrough: ['api/'] }, 'absolute'],
    ['a passthrough that names a host', { passthrough: ['//api.example/'] }, 'absolute'],
    ['a passthrough with dot segments', { passthrough: ['/a/../'] }, 'absolute'],
    ['a passthrough for everything', { passthrough: ['/'] }, 'whole app'],
    ['a passthrough that covers the base', { base: '/app/', passthrough: ['/ap'] }, 'whole app'],
    ['a passthrough that covers a file', { passthrough: ['/app'] }, 'app.js'],
    ['a passthrough that covers a page of ours', { passthrough: ['/vouchsafe/'] }, 'vouchsafe/index.html'],
    ['a fallback that is no file', { fallback: 'gone.html' }, 'gone.html'],
    ['a header name in capitals', { headers: [{ path: '**', set: { 'X-A': 'b' } }] }, '"X-A"; for headers, each rule'],
    [
      'a header value with a line break',
      { headers: [{ path: '**', set: { 'x-a': 'b\r\nset-cookie: c' } }] },
      '"x-a"; for headers, each rule',
    ],
    ['a header rule without a path', { headers: [{ set: {} } as never] }, 'path'],
    ['a life of no time', { expires: { timestamp: 0 } }, 'timestamp'],
    ['a life that is no number', { expires: { targets: Number.NaN } }, 'targets'],
    ['a life of a thousand years', { expires: { snapshot: 1000 * 365 * 86_400 } }, 'snapshot'],
    ['an offline allowance that is no number of seconds', { offlineSeconds: -1 }, 'offline'],
  ];
  test.each(bad)('%s', async (_, options, message) => {
    const workspace = await ready();
    const publishing = workspace.publish(options);
    await expect(publishing).rejects.toMatchObject({ code: 'bad-option', message: expect.stringContaining(message) });
    await outIsUntouched(workspace);
  });
});

describe('the project', () => {
  test('is not there: the message names the command', async () => {
    const workspace = await Workspace.make();
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'no-project',
      message: expect.stringContaining('npx vouchsafe init'),
    });
    await outIsUntouched(workspace);
  });

  test('has lost its keys', async () => {
    const workspace = await ready();
    await rm(workspace.path('project/keys'), { recursive: true });
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'no-project', message: expect.stringContaining('backup') });
  });

  test('has the keys of another', async () => {
    const workspace = await ready();
    await workspace.init({ project: workspace.path('other') });
    await rm(workspace.path('project/keys'), { recursive: true });
    await rename(workspace.path('other/keys'), workspace.path('project/keys'));
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-key',
      message: expect.stringContaining('targets needs 1 key'),
    });
  });

  test('has a root that was edited', async () => {
    const workspace = await ready();
    const root = await workspace.read('project/root/1.root.json');
    await workspace.write('project/root', { '1.root.json': root.replace('"threshold":1', '"threshold":2') });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-project',
      message: expect.stringContaining('1.root.json'),
    });
  });

  test('has a root that has expired', async () => {
    const workspace = await ready();
    workspace.now += 365 * DAY;
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-project', message: expect.stringContaining('expired') });
  });

  test('has a gap in its roots', async () => {
    const workspace = await ready();
    await workspace.write('project/root', { '3.root.json': '{}' });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-project',
      message: expect.stringContaining('3.root.json'),
    });
  });

  test('has a second root that the first does not lead to', async () => {
    const workspace = await ready();
    await workspace.init({ project: workspace.path('other') });
    await copyFile(workspace.path('other/root/1.root.json'), workspace.path('project/root/2.root.json'));
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-project',
      message: expect.stringContaining('2.root.json'),
    });
  });

  test('is fine but the package was not built', async () => {
    const workspace = await ready();
    await expect(workspace.publish({ bundles: workspace.path('nowhere') })).rejects.toMatchObject({
      message: expect.stringContaining('npm run build'),
    });
  });
});

describe('the previous release', () => {
  test("is another project's", async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    await workspace.init({ project: workspace.path('other') });
    const before = await workspace.snapshot();
    await expect(workspace.publish({ project: workspace.path('other') })).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining("another project's"),
    });
    expect(await workspace.snapshot()).toEqual(before);
  });

  test.each(['timestamp.json', '1.snapshot.json', '1.targets.json'])('was tampered with in %s', async (name) => {
    const workspace = await Workspace.make();
    await workspace.published();
    const path = `vouchsafe/metadata/${name}`;
    // Still JSON, of the same length: only the signature tells.
    await workspace.write('out', { [path]: (await workspace.read(`out/${path}`)).replace('"expires":"2', '"expires":"3') });
    const before = await workspace.snapshot();
    await workspace.write('app', { 'app.js': 'changed' });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('cannot be trusted'),
    });
    expect(await workspace.snapshot()).toEqual(before);
  });

  test.each(['1.root.json', '1.snapshot.json', '1.targets.json'])('lacks %s', async (name) => {
    const workspace = await Workspace.make();
    await workspace.published();
    await rm(workspace.path('out/vouchsafe/metadata', name));
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining(`${name} is missing`),
    });
  });

  test('lacks its timestamp: starting again at version 1 would lock every client out', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    await workspace.write('app', { 'app.js': 'changed' });
    await workspace.publish();
    await rm(workspace.path('out/vouchsafe/metadata/timestamp.json'));
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('timestamp.json is missing'),
    });
  });

  test('has a root that the project does not know', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    await workspace.write('out/vouchsafe/metadata', { '2.root.json': '{}' });
    await expect(workspace.publish()).rejects.toMatchObject({
      code: 'bad-output',
      message: expect.stringContaining('2.root.json'),
    });
  });

  test('is an older one put back: the next version follows it, and a client of the newer one refuses that', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    await cp(workspace.path('out'), workspace.path('old'), { recursive: true });
    await workspace.write('app', { 'app.js': 'changed' });
    await workspace.publish();
    await expect(workspace.publish({ out: workspace.path('old') })).resolves.toMatchObject({
      roles: { timestamp: { version: 2 } },
    });
  });
});

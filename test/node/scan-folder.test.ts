import { execFileSync } from 'node:child_process';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { scanFolder } from '../../src/node/scan-folder.js';
import { Workspace } from './workspace.js';

const page = { 'index.html': '<h1>App</h1>' };

describe('scanFolder', () => {
  test('lists files in one order on every machine, with / in their paths', async () => {
    const workspace = await Workspace.make({
      ...page,
      'b/ü.js': '',
      'b/a.js': '12',
      'B/a.js': '',
      'a b.css': '',
      '@scope/x@2x.png': '',
    });
    const { files } = await scanFolder(workspace.path('app'));
    expect(files.map(({ path }) => path)).toEqual(['@scope/x@2x.png', 'B/a.js', 'a b.css', 'b/a.js', 'b/ü.js', 'index.html']);
    expect(files[3]).toMatchObject({ file: workspace.path('app/b/a.js'), size: 2 });
  });

  test('leaves hidden files out and says so, but not .well-known at the top', async () => {
    const workspace = await Workspace.make({
      ...page,
      '.env': 'SECRET=1',
      '.git/config': '',
      'a/.DS_Store': '',
      'a/.well-known/x': '',
      '.well-known/security.txt': 'Contact:',
      '.well-known/.hidden': '',
    });
    const { files, skipped } = await scanFolder(workspace.path('app'));
    expect(files.map(({ path }) => path)).toEqual(['.well-known/security.txt', 'index.html']);
    expect(skipped).toEqual(['.env', '.git', '.well-known/.hidden', 'a/.DS_Store', 'a/.well-known']);
  });

  test.each([
    ['nothing at all', {}, 'empty'],
    ['only hidden files', { '.env': '' }, 'empty'],
    ['no page', { 'app.js': '', 'data.json': '{}' }, 'no HTML'],
  ])('refuses %s', async (_, files, message) => {
    const workspace = await Workspace.make(files);
    await mkdir(workspace.path('app'), { recursive: true });
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(message),
    });
  });

  test.each(['INDEX.HTM', 'docs/start.html'])('%s is a page', async (name) => {
    const workspace = await Workspace.make({ [name]: '' });
    await expect(scanFolder(workspace.path('app'))).resolves.toMatchObject({ files: [{ path: name }] });
  });

  test.each([
    'vouchsafe/x.js',
    'Vouchsafe/x.js',
    'vouchsafe',
    'vouchsafe-worker.js',
    'vouchsafe-loader.js',
    'vouchsafe-loader.html',
    'vouchsafe/index.html',
    'VOUCHSAFE-worker.JS',
    'vouchsafe.json',
  ])('refuses the name %s, which Vouchsafe writes itself', async (name) => {
    const workspace = await Workspace.make({ ...page, [name]: '' });
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('writes itself'),
    });
  });

  test.each(['sub/vouchsafe.json', 'sub/vouchsafe/x.js', 'vouchsafe-worker.js.map', 'vouchsafe.js'])(
    'allows the name %s',
    async (name) => {
      const workspace = await Workspace.make({ ...page, [name]: '' });
      const { files } = await scanFolder(workspace.path('app'));
      expect(files.map(({ path }) => path)).toContain(name);
    },
  );

  test.each([
    ['B3 a backslash', 'a\\b.js'],
    ['B3 a control character', 'a\u0001.js'],
    ['B3 a line break', 'a\n.js'],
    ['B3 a DEL', 'a\u007f.js'],
    ['a name longer than a hashed name may be', `${'x'.repeat(191)}`],
    ['a path longer than clients ask for', `${'x'.repeat(150)}/`.repeat(7)],
  ])('refuses %s', async (_, name) => {
    const workspace = await Workspace.make({ ...page, [name.replace(/\/$/, '/x')]: '' });
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('B3 refuses a name that is not UTF-8', async () => {
    const workspace = await Workspace.make(page);
    await writeFile(Buffer.concat([Buffer.from(workspace.path('app/')), Buffer.from([0x61, 0xff, 0x2e, 0x6a, 0x73])]), '');
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('UTF-8'),
    });
  });

  test('refuses a pipe, which would be read for ever', async () => {
    const workspace = await Workspace.make(page);
    execFileSync('mkfifo', [workspace.path('app/pipe')]);
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({ code: 'bad-input' });
  });
});

describe('scanFolder and symbolic links', () => {
  const linked = async (target: string, name = 'link.js'): Promise<Workspace> => {
    const workspace = await Workspace.make({ ...page, 'a/real.js': '1', '.env': 'SECRET=1' });
    await workspace.write('outside', { 'secret.js': 'SECRET' });
    await symlink(target, workspace.path('app', name));
    return workspace;
  };

  test.each(['../outside/secret.js', '/etc/hostname', '../outside', 'a/../../outside/secret.js'])(
    'refuses one that leaves, to %s',
    async (target) => {
      const workspace = await linked(target);
      await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({
        code: 'bad-input',
        message: expect.stringContaining('out of the folder'),
      });
    },
  );

  test('refuses one that leaves by way of another', async () => {
    const workspace = await linked('../outside', 'a/way');
    await symlink('a/way/secret.js', workspace.path('app/second.js'));
    await rename(workspace.path('app/a/way'), workspace.path('app/.way'));
    await symlink('.way/secret.js', workspace.path('app/third.js'));
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('follows one that stays, to a file and to a folder', async () => {
    const workspace = await linked('a/real.js');
    await symlink('a', workspace.path('app/folder'));
    const { files } = await scanFolder(workspace.path('app'));
    expect(files.map(({ path }) => path)).toEqual(['a/real.js', 'folder/real.js', 'index.html', 'link.js']);
  });

  test.each([
    ['a hidden file', '.env', 'hidden'],
    ['nothing', 'gone.js', 'nowhere'],
    ['itself', 'link.js', 'itself'],
    ['the folder above', '.', 'above'],
  ])('refuses one to %s', async (_, target, message) => {
    const workspace = await linked(target);
    await expect(scanFolder(workspace.path('app'))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(message),
    });
  });
});

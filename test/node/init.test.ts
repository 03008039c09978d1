import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asObject } from '../../src/tuf/fields.js';
import { parseRoleKeys } from '../../src/tuf/metadata.js';
import { Root } from '../../src/tuf/root.js';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { DAY, Workspace } from './workspace.js';

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('init', () => {
  test('makes a key for each role and a root that a client accepts', async () => {
    const workspace = await Workspace.make();
    const report = await workspace.init();
    expect(await readdir(workspace.path('project/keys'))).toEqual([
      'root-1.json',
      'snapshot-1.json',
      'targets-1.json',
      'timestamp-1.json',
    ]);
    const trusted = await TrustedMetadata.fromRoot(await readFile(report.root), workspace.now);
    expect(() => trusted.checkExpiry('root')).not.toThrow();
    expect(trusted.root).toMatchObject({ version: 1, consistentSnapshot: true, expires: workspace.now + 365 * DAY });
  });

  test('keeps private keys from other users and from git', async () => {
    const workspace = await Workspace.make();
    const { keys } = await workspace.init({ roles: { targets: { threshold: 2, keys: 3 } } });
    expect(await mode(workspace.path('project/keys'))).toBe(0o700);
    for (const file of Object.values(keys).flat()) expect(await mode(file)).toBe(0o600);
    expect((await workspace.read('project/.gitignore')).split('\n')).toContain('keys/');
  });

  test('no private key is in the root metadata, and no two keys are the same', async () => {
    const workspace = await Workspace.make();
    const { keys, root } = await workspace.init();
    const seeds = await Promise.all(
      Object.values(keys)
        .flat()
        .map(async (file) => /[0-9a-f]{64}(?="\s*})/.exec(await readFile(file, 'utf8'))?.[0]),
    );
    expect(new Set(seeds).size).toBe(4);
    const text = await readFile(root, 'utf8');
    for (const seed of seeds) expect(text).not.toContain(seed);
  });

  test('takes m of n keys for a role', async () => {
    const workspace = await Workspace.make();
    const { root } = await workspace.init({ roles: { root: { threshold: 2, keys: 3 }, timestamp: { threshold: 1, keys: 2 } } });
    const roles = asObject(new Root(await readFile(root)).signed.roles, 'roles');
    expect(parseRoleKeys(roles.root)).toMatchObject({ threshold: 2, keyids: { length: 3 } });
    expect(parseRoleKeys(roles.timestamp)).toMatchObject({ threshold: 1, keyids: { length: 2 } });
    expect(parseRoleKeys(roles.targets)).toMatchObject({ threshold: 1, keyids: { length: 1 } });
  });

  test.each([
    [0, 1],
    [3, 2],
    [1, 33],
    [1.5, 2],
  ])('refuses %d of %d keys', async (threshold, keys) => {
    const workspace = await Workspace.make();
    await expect(workspace.init({ roles: { root: { threshold, keys } } })).rejects.toMatchObject({ code: 'bad-option' });
    await expect(stat(workspace.path('project'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a second time changes nothing', async () => {
    const workspace = await Workspace.make();
    await workspace.init();
    const before = await workspace.snapshot('project');
    await expect(workspace.init()).rejects.toMatchObject({ code: 'project-exists' });
    expect(await workspace.snapshot('project')).toEqual(before);
  });

  test.each(['keys', 'root'])('does not fill up a project of which only %s is left', async (part) => {
    const workspace = await Workspace.make();
    await mkdir(workspace.path('project', part), { recursive: true });
    await expect(workspace.init()).rejects.toMatchObject({ code: 'project-exists' });
    expect(await readdir(workspace.path('project'))).toEqual([part]);
  });

  test('a folder with a .gitignore of its own is left as it is', async () => {
    const workspace = await Workspace.make();
    await workspace.write('project', { '.gitignore': 'dist/' });
    await expect(workspace.init()).rejects.toMatchObject({
      code: 'project-exists',
      message: expect.stringContaining('.gitignore'),
    });
    expect(await workspace.list('project')).toEqual(['.gitignore']);
  });

  test('a file where the project folder should be is a clear error', async () => {
    const workspace = await Workspace.make();
    await workspace.write('.', { project: 'a file' });
    await expect(workspace.init()).rejects.toMatchObject({
      code: 'project-exists',
      message: expect.stringContaining('in the way'),
    });
  });
});

describe('key files', () => {
  test.each([0o640, 0o604, 0o620, 0o666])('mode %o is refused, and the message says what to run', async (open) => {
    const workspace = await Workspace.make();
    const { keys } = await workspace.init();
    await chmod(join(keys.targets[0] as string), open);
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-key', message: expect.stringContaining('chmod 600') });
  });

  test('a damaged one is refused', async () => {
    const workspace = await Workspace.make();
    await workspace.init();
    await workspace.write('project/keys', { 'targets-1.json': '{}' });
    await chmod(workspace.path('project/keys/targets-1.json'), 0o600);
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-key' });
  });
});

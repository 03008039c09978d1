import { beforeEach, describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { delegateTo, fetchText, list, publishTree, putFiles, roleMetadata, rolesAsked } from './delegation-tree.js';
import { refusal } from './refusal.js';

let repository: RepositorySimulator;
let store: MemoryStore;
let one: Signer;
let two: Signer;
let stranger: Signer;

const client = (options = {}) => repository.client(store, options);

beforeEach(async () => {
  [one, two, stranger] = await Promise.all([testSigner(101), testSigner(102), testSigner(103)]);
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
});

describe('A12: wrong software', () => {
  test('through a delegation whose paths do not cover it is not found, and the role is not asked', async () => {
    const outside = ['app.js', 'plugins', 'plugins/x/app.js', 'x/plugins/app.js', 'PLUGINS/app.js', 'plugin/app.js'];
    const evil = { 'plugins/app.js': 'plugin', ...Object.fromEntries(outside.map((path) => [path, 'evil'])) };
    await putFiles(repository, evil);
    const plugins = await roleMetadata(1, evil, [one]);
    const top = { ...delegateTo({ name: 'plugins', signers: [one], paths: ['plugins/*'] }), ...(await list({})) };
    await publishTree(repository, top, { plugins });
    for (const path of outside) expect(await client().findTarget(path), path).toBeUndefined();
    expect(rolesAsked(repository)).toEqual([]);
    expect(await fetchText(client(), 'plugins/app.js')).toBe('plugin');
  });

  test('of a role further down, delegated more than its delegator may, is not found', async () => {
    const evil = { 'app.js': 'evil' };
    await putFiles(repository, evil);
    const deep = await roleMetadata(1, evil, [two]);
    const plugins = await roleMetadata(1, {}, [one], delegateTo({ name: 'deep', signers: [two] }));
    const top = { ...delegateTo({ name: 'plugins', signers: [one], paths: ['plugins/*'] }), ...(await list({})) };
    await publishTree(repository, top, { plugins, deep });
    expect(await client().findTarget('app.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual([]);
  });

  test('cannot take the place of what a role of more priority lists', async () => {
    await putFiles(repository, { 'app.js': 'evil' });
    const plugins = await roleMetadata(1, { 'app.js': 'evil' }, [one]);
    await publishTree(repository, delegateTo({ name: 'plugins', signers: [one], terminating: true }), { plugins });
    expect(await fetchText(client(), 'app.js')).toBe('one');
    expect(rolesAsked(repository)).toEqual([]);
  });

  test('a role on the way that is refused ends the search: none of less priority speaks for it', async () => {
    await putFiles(repository, { 'plugin.js': 'evil' });
    const [first, second] = [await roleMetadata(1, {}, [stranger]), await roleMetadata(1, { 'plugin.js': 'evil' }, [two])];
    await publishTree(repository, delegateTo({ name: 'first', signers: [one] }, { name: 'second', signers: [two] }), {
      first,
      second,
    });
    await expect(client().findTarget('plugin.js')).rejects.toEqual(refusal('unsigned', { role: 'first' }));
    repository.files.delete('/metadata/1.first.json');
    await expect(client().findTarget('plugin.js')).rejects.toEqual(refusal('unreachable', { role: 'first', status: 404 }));
    expect(rolesAsked(repository)).not.toContain('second');
    expect(store.saved).not.toContain('first');
  });

  /** `targets` leaves `a/*` to `a` and `b/*` to `b`; both leave all they have to a role called `shared`, each to keys of its own. */
  async function diamond(
    signers: readonly Signer[],
    byA: readonly Signer[],
    byB: readonly Signer[],
    version: number,
  ): Promise<void> {
    const files = { 'a/x.js': 'for a', 'b/x.js': 'for b' };
    await putFiles(repository, files);
    const shared = (keys: readonly Signer[]) => delegateTo({ name: 'shared', signers: keys, paths: ['a/*', 'b/*'] });
    const top = delegateTo({ name: 'a', signers: [one], paths: ['a/*'] }, { name: 'b', signers: [two], paths: ['b/*'] });
    await publishTree(repository, top, {
      a: await roleMetadata(version, {}, [one], shared(byA)),
      b: await roleMetadata(version, {}, [two], shared(byB)),
      shared: await roleMetadata(version, files, signers),
    });
  }

  test('a diamond: a role verified through one delegator is refused through another who trusts other keys', async () => {
    const [keyOfA, keyOfB] = [await testSigner(105), await testSigner(106)];
    await diamond([keyOfA], [keyOfA], [keyOfB], 1);
    const refused = refusal('unsigned', { role: 'shared', actual: 'by 0' });
    const updater = client();
    expect(await fetchText(updater, 'a/x.js')).toBe('for a');
    for (let again = 0; again < 2; again++) await expect(updater.findTarget('b/x.js')).rejects.toEqual(refused);
    expect(await fetchText(updater, 'a/x.js')).toBe('for a');
    // What is stored is no better than what was loaded.
    expect(store.roles.has('shared')).toBe(true);
    await expect(client().findTarget('b/x.js')).rejects.toEqual(refused);
    expect(await fetchText(client(), 'a/x.js')).toBe('for a');
    await diamond([keyOfA, keyOfB], [keyOfA], [keyOfB], 2);
    expect([await fetchText(client(), 'b/x.js'), await fetchText(client(), 'a/x.js')]).toEqual(['for b', 'for a']);
  });

  test('a diamond: nor does the lower threshold of one delegator count for another', async () => {
    const both = [await testSigner(105), await testSigner(106)];
    await diamond(both.slice(0, 1), both.slice(0, 1), both, 1);
    const updater = client();
    expect(await fetchText(updater, 'a/x.js')).toBe('for a');
    for (const by of [updater, client()]) {
      await expect(by.findTarget('b/x.js')).rejects.toEqual(refusal('unsigned', { role: 'shared', actual: 'by 1' }));
    }
  });
});

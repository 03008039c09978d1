import { beforeEach, describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import type { JsonObject } from '../../src/tuf/json.js';
import type { Updater } from '../../src/tuf/updater.js';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { delegateTo, fetchText, list, publishTree, putFiles, roleMetadata } from './delegation-tree.js';
import { refusal } from './refusal.js';

let repository: RepositorySimulator;
let store: MemoryStore;
let urls: string[];
let one: Signer;

beforeEach(async () => {
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
  urls = [];
  one = await testSigner(101);
});

/** A client whose whole URLs are remembered as it wrote them. */
const client = (): Updater =>
  repository.client(store, {
    fetch: (url, init) => {
      urls.push(url);
      return repository.fetch(url, init);
    },
  });

describe('B3: role names', () => {
  const NAMES = [
    '.',
    '..',
    '../../evil',
    '..\\evil',
    '/etc/passwd',
    'a/b',
    'a//b',
    'https://evil.test/x',
    '//evil.test/x',
    'javascript:1',
    'x?y#z',
    '?',
    '#',
    '%2e%2e%2fevil',
    '%2F',
    'a\0b',
    'a\nb',
    ' ',
    'ü',
    'u\u0308',
    'U\u0308',
    'Targets',
    'targets ',
    'targets.json',
    '1.targets',
    '2.root',
    '😀',
    '"\\',
    'x'.repeat(1_000),
  ];

  test('that look like paths, URLs or other roles stay in the folder, each at a URL and a key of its own', async () => {
    const [files, roles]: [Record<string, string>, Record<string, Uint8Array>] = [{}, {}];
    for (const [i, name] of NAMES.entries()) {
      files[`${i}.js`] = name;
      roles[name] = await roleMetadata(1, { [`${i}.js`]: name }, [one]);
    }
    await putFiles(repository, files);
    const delegates = NAMES.map((name, i) => ({ name, signers: [one], paths: [`${i}.js`] }));
    await publishTree(repository, { ...delegateTo(...delegates), ...(await list({})) }, roles);
    const updater = client();
    await updater.refresh();
    for (const [i, name] of NAMES.entries()) {
      urls.length = 0;
      store.saved.length = 0;
      expect(await fetchText(updater, `${i}.js`), name).toBe(name);
      const metadata = urls[0] ?? '';
      expect(metadata).toBe(`https://repository.test/metadata/1.${encodeURIComponent(name)}.json`);
      // As a URL parser sees it, too.
      expect(new URL(metadata).href, name).toMatch(/^https:\/\/repository\.test\/metadata\/1\.[^/?#]*\.json$/);
      expect(store.saved).toEqual([name]);
      expect(store.roles.get(name)).toEqual(roles[name]);
    }
    expect(store.roles.size).toBe(3 + NAMES.length);
    expect(store.version('targets')).toBe(2);
  });

  test('of top-level roles, which the role would take the place of, none at all, and too long ones are refused', async () => {
    await client().refresh();
    const before = new Map(store.roles);
    for (const name of ['root', 'timestamp', 'snapshot', 'targets', '', 'x'.repeat(1_025)]) {
      const actual = name.slice(0, 1_024);
      // Stolen: the keys of targets, snapshot and timestamp.
      await publishTree(repository, delegateTo({ name, signers: [one] }), {});
      await expect(client().findTarget('evil.js'), name).rejects.toEqual(refusal('malformed', { role: 'targets', actual }));
      expect(store.roles.get('targets')).toEqual(before.get('targets'));
    }
    for (const root of store.roots.values()) expect(root).toEqual(repository.root);
    await publishTree(repository, { ...delegateTo(), ...(await list({ 'app.js': 'good' })) }, {});
    expect((await client().findTarget('app.js'))?.length).toBe(4);
  });

  test('that the snapshot does not list are not asked for', async () => {
    await publishTree(repository, delegateTo({ name: 'unlisted', signers: [one] }), {});
    repository.put('1.unlisted.json', await roleMetadata(1, { 'evil.js': 'evil' }, [one]));
    await expect(client().findTarget('evil.js')).rejects.toEqual(refusal('not-found', { role: 'unlisted' }));
    expect(urls.filter((url) => url.includes('unlisted'))).toEqual([]);
    expect(store.saved).not.toContain('unlisted');
  });
});

describe('B1: names of Object.prototype', () => {
  const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const named = <T>(value: (name: string) => T): Record<string, T> => Object.fromEntries(NAMES.map((name) => [name, value(name)]));

  test('are names like any other, of roles, keys and paths', async () => {
    const signers = await Promise.all(NAMES.map(async (keyid, i) => ({ ...(await testSigner(110 + i)), keyid })));
    const roles: [string, Uint8Array][] = [];
    for (const [i, name] of NAMES.entries()) {
      roles.push([name, await roleMetadata(1, { [`roles/${name}`]: name }, signers.slice(i, i + 1))]);
    }
    const files = named((name) => `top ${name}`);
    await putFiles(repository, files);
    await putFiles(repository, Object.fromEntries(NAMES.map((name) => [`roles/${name}`, name])));
    const delegates = NAMES.map((name, i) => ({ name, signers: signers.slice(i, i + 1), paths: [`roles/${name}`] }));
    await publishTree(repository, { ...delegateTo(...delegates), ...(await list(files)) }, Object.fromEntries(roles));
    for (const name of NAMES) {
      expect(await fetchText(client(), name)).toBe(`top ${name}`);
      expect(await fetchText(client(), `roles/${name}`)).toBe(name);
      expect(store.roles.get(name)).toEqual(new Map(roles).get(name));
    }
    expect(Object.hasOwn(Object.prototype, 'length')).toBe(false);
  });

  test('are not found where nobody lists them: as paths, keys, roles of the snapshot, hashes', async () => {
    for (const name of NAMES) {
      expect(await client().findTarget(name)).toBeUndefined();
      const { delegations } = delegateTo({ name, signers: [{ ...one, keyid: name }] });
      const role = await roleMetadata(1, { 'evil.js': 'evil' }, [{ ...one, keyid: name }]);
      // The keyid is the name of something that every object has; the key is not there.
      await publishTree(repository, { delegations: { ...delegations, keys: {} } }, Object.fromEntries([[name, role]]));
      await expect(client().findTarget('evil.js')).rejects.toEqual(refusal('unsigned', { role: name, actual: 'by 0' }));
      expect(store.saved).not.toContain(name);
      const files: JsonObject = { 'evil.js': { length: 4, hashes: Object.fromEntries([[name, 'ab']]) } };
      await publishTree(repository, { targets: files, delegations: { keys: {}, roles: [] } }, {});
      await expect(client().findTarget('evil.js')).rejects.toEqual(refusal('unsupported', { role: 'targets' }));
      await publishTree(repository, await list({ 'app.js': 'one' }), {});
      expect((await client().findTarget('app.js'))?.length).toBe(3);
    }
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { delegateTo, fetchText, publishTree, putFiles, ROLE_EXPIRES, roleMetadata, rolesAsked } from './delegation-tree.js';
import { refusal } from './refusal.js';

const HIGHEST = Number.MAX_SAFE_INTEGER;
const FILES = { 'plugin.js': 'one', 'other.js': 'other' };

let repository: RepositorySimulator;
let store: MemoryStore;
let one: Signer;
let two: Signer;
let stranger: Signer;

/** A release whose `plugin.js` is left to the role `plugins`, which needs these keys. */
async function publish(version: number, text: string, signers: readonly Signer[] = [one], trusted = [one]): Promise<Uint8Array> {
  const files = { ...FILES, 'plugin.js': text };
  await putFiles(repository, files);
  const bytes = await roleMetadata(version, files, signers);
  await publishTree(repository, delegateTo({ name: 'plugins', signers: trusted }), { plugins: bytes });
  return bytes;
}

const client = (options = {}) => repository.client(store, options);
const fetchPlugin = (options = {}) => fetchText(client(options), 'plugin.js');

beforeEach(async () => {
  [one, two, stranger] = await Promise.all([testSigner(101), testSigner(102), testSigner(103)]);
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
});

describe('a delegated role like any other', () => {
  test('A3: that never ends is cut off at the length that is listed, and at the limit where none is', async () => {
    const bytes = await publish(1, 'one');
    let taken = 0;
    const endless = (path: string) => {
      if (!path.endsWith('.plugins.json')) return undefined;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        taken += 100;
        controller.enqueue(new Uint8Array(100));
      };
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
    };
    repository.answer = endless;
    const facts = { role: 'plugins', version: 1, url: 'https://repository.test/metadata/1.plugins.json' };
    await expect(fetchPlugin()).rejects.toEqual(refusal('too-long', { ...facts, expected: `at most ${bytes.length} bytes` }));
    expect(taken).toBeLessThanOrEqual(bytes.length + 100);
    await publishTree(repository, {}, { plugins: bytes }, 'by version');
    taken = 0;
    await expect(fetchPlugin({ limits: { targetsLength: 5_000 } })).rejects.toEqual(
      refusal('too-long', { ...facts, expected: 'at most 5000 bytes' }),
    );
    expect(taken).toBeLessThanOrEqual(5_100);
    expect(store.saved).not.toContain('plugins');
    repository.answer = undefined;
    expect(await fetchPlugin()).toBe('one');
  });

  test('A4: that never comes is given up, and the same client finds it later', async () => {
    await publish(1, 'one');
    const updater = client({ limits: { window: 400 } });
    await updater.refresh();
    repository.answer = (path) => (path.endsWith('.plugins.json') ? new Promise<never>(() => {}) : undefined);
    await expect(updater.findTarget('plugin.js')).rejects.toEqual(refusal('too-slow', { role: 'plugins' }));
    repository.answer = undefined;
    expect(await fetchText(updater, 'plugin.js')).toBe('one');
  });

  test('A5: rolled back by a newer snapshot is refused, and still after a restart', async () => {
    const first = await publish(1, 'one');
    const second = await publish(2, 'two');
    expect(await fetchPlugin()).toBe('two');
    store.saved.length = 0;
    await publishTree(repository, {}, { plugins: first });
    const expected = refusal('rollback', { role: 'plugins', expected: 'version 2 or later', actual: 'version 1' });
    for (let restart = 0; restart < 2; restart++) await expect(fetchPlugin()).rejects.toEqual(expected);
    // The timestamp was signed by the key that the thief has, and leads on; nothing behind it was taken.
    expect(store.saved).toEqual(['timestamp']);
    expect(store.roles.get('plugins')).toEqual(second);
    await publishTree(repository, {}, { plugins: second });
    expect(await fetchPlugin()).toBe('two');
  });

  test('A7: expired is refused, unseen or stored, and not saved', async () => {
    await publish(1, 'one');
    // The timestamp is signed before that: what time it is then, a client that has seen it knows.
    repository.now = Date.parse(ROLE_EXPIRES) - 1000;
    await repository.publish();
    repository.now += 1000;
    const expected = refusal('expired', { role: 'plugins', version: 1, actual: '2030-03-01T00:00:00.000Z' });
    await expect(fetchPlugin()).rejects.toEqual(expected);
    expect(store.saved).not.toContain('plugins');
    repository.now--;
    expect(await fetchPlugin()).toBe('one');
    repository.now++;
    await expect(fetchPlugin()).rejects.toEqual(expected);
    const renewed = await roleMetadata(2, FILES, [one], { expires: '2031-01-01T00:00:00Z' });
    await publishTree(repository, {}, { plugins: renewed });
    expect(await fetchPlugin()).toBe('one');
    expect(store.roles.get('plugins')).toEqual(renewed);
  });

  test('A8: of another version than the snapshot pins is refused, by its hash and by its version alone', async () => {
    const first = await publish(1, 'one');
    const second = await publish(2, 'two');
    for (const how of ['by hash', 'by version'] as const) {
      await publishTree(repository, {}, { plugins: second }, how);
      repository.put('2.plugins.json', first);
      const words = how === 'by hash' ? {} : { expected: 'version 2', actual: 'version 1' };
      await expect(fetchPlugin()).rejects.toEqual(
        refusal('mismatch', { role: 'plugins', version: how === 'by hash' ? 2 : 1, ...words }),
      );
      expect(store.saved).not.toContain('plugins');
    }
    repository.put('2.plugins.json', second);
    expect(await fetchPlugin()).toBe('two');
  });

  test('A8: in the place of another delegated role is refused', async () => {
    await putFiles(repository, { 'a.js': 'a', 'b.js': 'b' });
    const [a, b] = [await roleMetadata(1, { 'a.js': 'a' }, [one]), await roleMetadata(1, { 'b.js': 'b' }, [two])];
    const roles = delegateTo({ name: 'a', signers: [one], paths: ['a.js'] }, { name: 'b', signers: [two], paths: ['b.js'] });
    for (const [how, code] of [
      ['by hash', 'mismatch'],
      ['by version', 'unsigned'],
    ] as const) {
      await publishTree(repository, roles, { a, b }, how);
      repository.put('1.a.json', b);
      await expect(fetchText(client(), 'a.js')).rejects.toEqual(refusal(code, { role: 'a' }));
      expect(store.saved).not.toContain('a');
    }
    repository.put('1.a.json', a);
    expect([await fetchText(client(), 'a.js'), await fetchText(client(), 'b.js')]).toEqual(['a', 'b']);
  });

  for (const role of ['timestamp', 'snapshot'] as const) {
    test(`A9: fast-forwarded to 2^53 - 1 is over when the root replaces the stolen ${role} key`, async () => {
      await publish(1, 'one');
      await publish(HIGHEST, 'evil');
      expect(await fetchPlugin()).toBe('evil');
      await publish(2, 'recovered');
      await expect(fetchPlugin()).rejects.toEqual(refusal('rollback', { role: 'plugins', actual: 'version 2' }));
      await repository.rotate({ [role]: [await testSigner(104)] });
      await publish(3, 'recovered');
      expect(await fetchPlugin()).toBe('recovered');
      expect(store.version('plugins')).toBe(3);
    });
  }

  test('A10: below its threshold is refused, whoever else has signed', async () => {
    const trusted = [one, two];
    for (const signers of [[], [one], [two, stranger], [one, ...repository.signers.targets]]) {
      await publish(1, 'evil', signers, trusted);
      const valid = signers.filter((signer) => trusted.includes(signer)).length;
      await expect(fetchPlugin()).rejects.toEqual(
        refusal('unsigned', { role: 'plugins', expected: 'valid signatures by 2 distinct keys', actual: `by ${valid}` }),
      );
      expect(store.saved).not.toContain('plugins');
    }
    await publish(2, 'good', [two, one], trusted);
    expect(await fetchPlugin()).toBe('good');
  });

  test('A10: signed by one key under two keyids is refused', async () => {
    const twice = [one, { ...one, keyid: 'another name for it' }];
    await publish(1, 'evil', twice, twice);
    await expect(fetchPlugin()).rejects.toEqual(refusal('unsigned', { role: 'plugins', actual: 'by 1' }));
    expect(store.saved).not.toContain('plugins');
  });

  test('A10: whose delegation repeats a keyid, or needs no key, makes its delegator malformed', async () => {
    const bytes = await roleMetadata(1, FILES, [one]);
    const { delegations } = delegateTo({ name: 'plugins', signers: [one] });
    const [role] = delegations.roles as [JsonObject];
    for (const wrong of [{ keyids: [one.keyid, one.keyid], threshold: 2 }, { threshold: 0 }, { keyids: [], threshold: 0 }]) {
      await publishTree(repository, { delegations: { ...delegations, roles: [{ ...role, ...wrong }] } }, { plugins: bytes });
      await expect(fetchPlugin()).rejects.toEqual(refusal('malformed', { role: 'targets' }));
      expect(store.saved).not.toContain('targets');
    }
    await publish(2, 'good');
    expect(await fetchPlugin()).toBe('good');
  });
});

describe('A14: revocation', () => {
  test('a target that a delegated role lists no longer is not found', async () => {
    await publish(1, 'one');
    const updater = client();
    expect(await fetchText(updater, 'plugin.js')).toBe('one');
    await publishTree(repository, {}, { plugins: await roleMetadata(2, {}, [one]) });
    await updater.refresh();
    expect(await updater.findTarget('plugin.js')).toBeUndefined();
    expect(await client().findTarget('plugin.js')).toBeUndefined();
  });

  test('a key that the delegation has no longer does not count, not even for what is stored', async () => {
    const bytes = await publish(1, 'one');
    expect(await fetchPlugin()).toBe('one');
    await publishTree(repository, delegateTo({ name: 'plugins', signers: [two] }), { plugins: bytes });
    await expect(fetchPlugin()).rejects.toEqual(refusal('unsigned', { role: 'plugins', actual: 'by 0' }));
    await publish(2, 'two', [two], [two]);
    expect(await fetchPlugin()).toBe('two');
  });

  test('a role that is delegated to no longer is not asked, although it is stored and the snapshot still lists it', async () => {
    await publish(1, 'one');
    expect(await fetchPlugin()).toBe('one');
    await publishTree(repository, delegateTo(), {});
    repository.requests.length = 0;
    expect(await client().findTarget('plugin.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual([]);
  });
});

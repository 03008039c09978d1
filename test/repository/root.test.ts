import { describe, expect, test } from 'vitest';
import { firstRoot, nextRoot } from '../../src/repository/root.js';
import { Root } from '../../src/tuf/root.js';
import { RepositorySimulator, START, signedPart, testSigner } from '../repository-simulator.js';
import { refusal } from '../tuf/refusal.js';

const LATER = START + 86_400_000;

describe('firstRoot', () => {
  test('lists each key once, with consistent snapshots', async () => {
    const key = await testSigner(1);
    const role = { keys: [key], threshold: 1 };
    const bytes = await firstRoot({ root: role, timestamp: role, snapshot: role, targets: role }, [key], LATER);
    expect(signedPart(bytes)).toMatchObject({
      _type: 'root',
      version: 1,
      expires: '2030-01-02T00:00:00Z',
      consistent_snapshot: true,
      keys: { [key.keyid]: key.key },
      roles: { root: { keyids: [key.keyid], threshold: 1 } },
    });
  });

  test('is not made with too few signers', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    const both = { keys: [one, two], threshold: 2 };
    const roles = { root: both, timestamp: both, snapshot: both, targets: both };
    await expect(firstRoot(roles, [one], LATER)).rejects.toEqual(refusal('unsigned', { role: 'root' }));
    await firstRoot(roles, [one, two], LATER);
  });
});

describe('nextRoot', () => {
  test('changes only what it is told to, and drops keys that no role uses', async () => {
    const repository = await RepositorySimulator.create();
    const fresh = await testSigner(50);
    const changes = { timestamp: { keys: [fresh], threshold: 1 } };
    const bytes = await nextRoot(repository.root, changes, repository.signers.root, LATER);
    const [before, after] = [signedPart(repository.root), signedPart(bytes)] as { roles: object; keys: object; version: number }[];
    expect(after?.version).toBe(2);
    expect(after?.roles).toEqual({ ...before?.roles, timestamp: { keyids: [fresh.keyid], threshold: 1 } });
    expect(Object.keys(after?.keys ?? {})).toHaveLength(4);
    expect(after?.keys).not.toHaveProperty(repository.signers.timestamp[0]?.keyid ?? '');
  });

  test('is not made unless the old and the new threshold sign', async () => {
    const repository = await RepositorySimulator.create();
    const fresh = await testSigner(50);
    const changes = { root: { keys: [fresh], threshold: 1 } };
    const old = repository.signers.root;
    await expect(nextRoot(repository.root, changes, old, LATER)).rejects.toEqual(refusal('unsigned'));
    await expect(nextRoot(repository.root, changes, [fresh], LATER)).rejects.toEqual(refusal('unsigned'));
    const bytes = await nextRoot(repository.root, changes, [...old, fresh], LATER);
    expect(new Root(bytes).version).toBe(2);
  });

  test('keeps fields it does not know', async () => {
    const repository = await RepositorySimulator.create();
    const odd = await repository.forge('root', { 'x-note': [1] });
    expect(signedPart(await nextRoot(odd, {}, repository.signers.root, LATER))).toHaveProperty('x-note', [1]);
  });
});

describe('losesKey', () => {
  test('says whether a key that could sign is gone, not whether one has come or its name has changed', async () => {
    const repository = await RepositorySimulator.create();
    const { root } = repository.signers;
    const [key, other] = [await testSigner(60), await testSigner(61)];
    const withKeys = async (...keys: (typeof key)[]) =>
      new Root(await nextRoot(repository.root, { timestamp: { keys, threshold: 1 } }, root, LATER));
    const one = await withKeys(key);
    expect(one.losesKey('timestamp', await withKeys(key, other))).toBe(false);
    expect(one.losesKey('timestamp', await withKeys({ ...key, keyid: 'renamed' }))).toBe(false);
    expect(one.losesKey('timestamp', await withKeys(other))).toBe(true);
    expect(one.losesKey('timestamp', await withKeys({ ...other, keyid: key.keyid }))).toBe(true);
    expect((await withKeys(key, other)).losesKey('timestamp', one)).toBe(true);
    expect(one.losesKey('snapshot', await withKeys(other))).toBe(false);
  });
});

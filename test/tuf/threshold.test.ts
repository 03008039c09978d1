import { describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import { encodeJson, type JsonObject, parseJson } from '../../src/tuf/json.js';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { MemoryStore, RepositorySimulator, START, signedPart, testSigner } from '../repository-simulator.js';
import { refusal } from './refusal.js';

interface Envelope {
  signed: JsonObject;
  signatures: { keyid: string; sig: string }[];
}

/** A document with its signatures changed. */
function resign(bytes: Uint8Array, change: (signatures: Envelope['signatures']) => Envelope['signatures']): Uint8Array {
  const { signed, signatures } = parseJson(bytes) as unknown as Envelope;
  return encodeJson({ signed, signatures: change(signatures).map((signature) => ({ ...signature })) });
}

/** The same key under another keyid, as TAP 12 allows. */
function alias(signer: Signer, keyid: string): Signer {
  return { ...signer, keyid };
}

/** The verdict on a timestamp of a repository whose timestamp role has these keys, all needed. */
async function offer(keys: Signer[], forge: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>): Promise<unknown> {
  const repository = await RepositorySimulator.create();
  await repository.rotate({ timestamp: keys });
  await repository.publish();
  repository.put('timestamp.json', await forge(repository.current('timestamp')));
  const store = new MemoryStore();
  try {
    await repository.client(store).refresh();
    return 'accepted';
  } catch (error) {
    expect(store.roles.size).toBe(0);
    return error;
  }
}

describe('A10: below the threshold', () => {
  for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
    test(`${role} signed by one of the two keys it needs is refused, by both accepted`, async () => {
      const repository = await RepositorySimulator.create({ [role]: 2 });
      const store = new MemoryStore();
      const [one, two] = repository.signers[role] as [Signer, Signer];
      if (role === 'root') {
        const forged = await repository.forge('root', { version: 2 }, [one]);
        repository.put('2.root.json', forged);
        await expect(repository.client(store).refresh()).rejects.toEqual(
          refusal('unsigned', { role, version: 2, expected: 'valid signatures by 2 distinct keys', actual: 'by 1' }),
        );
        repository.put('2.root.json', await repository.forge('root', { version: 2 }, [one, two]));
      } else {
        await repository.serve({ [role]: await repository.forge(role, { version: 2 }, [two]) });
        await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unsigned', { role, version: 2, actual: 'by 1' }));
        expect(store.saved).not.toContain(role);
        repository.put('timestamp.json', await repository.forge('timestamp', { version: 9 }));
        await repository.serve({ [role]: await repository.forge(role, { version: 3 }, [two, one]) });
        repository.put('timestamp.json', await repository.forge('timestamp', { version: 9 + 1 }));
      }
      await repository.client(store).refresh();
    });
  }

  test('the keys of another role do not count', async () => {
    const repository = await RepositorySimulator.create();
    await repository.serve({ timestamp: await repository.forge('timestamp', { version: 2 }, repository.signers.snapshot) });
    await expect(repository.client().refresh()).rejects.toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 0' }));
  });

  test('a signature of other content does not count', async () => {
    const repository = await RepositorySimulator.create();
    const { signatures } = parseJson(repository.current('timestamp')) as unknown as Envelope;
    const signed = { ...signedPart(repository.current('timestamp')), version: 2 };
    repository.put('timestamp.json', encodeJson({ signatures: signatures.map((signature) => ({ ...signature })), signed }));
    await expect(repository.client().refresh()).rejects.toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 0' }));
  });

  test('a trusted root that its own keys did not sign is no start', async () => {
    const repository = await RepositorySimulator.create();
    const forged = await repository.forge('root', {}, repository.signers.targets);
    await expect(TrustedMetadata.fromRoot(forged, START)).rejects.toEqual(refusal('unsigned', { role: 'root' }));
  });
});

describe('A10: one key counted twice', () => {
  test('a repeated keyid in the signatures is malformed', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    const twice = (bytes: Uint8Array) => resign(bytes, ([first]) => (first ? [first, first] : []));
    expect(await offer([one, two], twice)).toEqual(refusal('malformed', { role: 'timestamp' }));
    const thrice = (bytes: Uint8Array) => resign(bytes, ([first, second]) => (first && second ? [first, second, first] : []));
    expect(await offer([one, two], thrice)).toEqual(refusal('malformed', { role: 'timestamp' }));
  });

  test('a repeated keyid in a role is malformed', async () => {
    const repository = await RepositorySimulator.create();
    const [signer] = repository.signers.timestamp as [Signer];
    const roles = signedPart(repository.root).roles as JsonObject;
    const forged = { ...roles, timestamp: { keyids: [signer.keyid, signer.keyid], threshold: 2 } };
    repository.put('2.root.json', await repository.forge('root', { version: 2, roles: forged }));
    await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'root' }));
  });

  test('the same public key under two keyids counts once', async () => {
    const one = await testSigner(1);
    const pair = [alias(one, 'a'), alias(one, 'b')];
    expect(await offer(pair, (bytes) => bytes)).toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 1' }));
    expect(await offer([...pair.slice(0, 1), await testSigner(2)], (bytes) => bytes)).toBe('accepted');
  });

  test('the same public key with other fields in its key object counts once', async () => {
    const one = await testSigner(1);
    const other = { ...one, keyid: 'other', key: { ...one.key, keyid_hash_algorithms: ['sha256'], 'x-note': 'mine' } };
    expect(await offer([one, other], (bytes) => bytes)).toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 1' }));
  });

  test('the same public key in capitals is no key at all', async () => {
    const one = await testSigner(1);
    const { public: hex } = one.key.keyval as { public: string };
    const loud = { ...one, keyid: 'loud', key: { ...one.key, keyval: { public: hex.toUpperCase() } } };
    expect(await offer([one, loud], (bytes) => bytes)).toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 1' }));
    expect(await offer([loud], (bytes) => bytes)).toEqual(refusal('unsigned', { role: 'timestamp', actual: 'by 0' }));
  });

  test('two encodings of one signature count once, under one keyid or two', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    const capitals = (sig: string) => sig.toUpperCase();
    const sameKeyid = (bytes: Uint8Array) =>
      resign(bytes, ([first]) => (first ? [first, { keyid: first.keyid, sig: capitals(first.sig) }] : []));
    expect(await offer([one, two], sameKeyid)).toEqual(refusal('malformed'));
    const otherKeyid = (bytes: Uint8Array) =>
      resign(bytes, ([first]) => (first ? [first, { keyid: two.keyid, sig: capitals(first.sig) }] : []));
    expect(await offer([one, two], otherKeyid)).toEqual(refusal('unsigned', { actual: 'by 1' }));
  });

  test('one signature under two keyids counts once', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    const copied = (bytes: Uint8Array) => resign(bytes, ([first]) => (first ? [first, { keyid: two.keyid, sig: first.sig }] : []));
    expect(await offer([one, two], copied)).toEqual(refusal('unsigned', { actual: 'by 1' }));
  });
});

describe('what does no harm', () => {
  test('empty, wrong and foreign signatures beside the right one', async () => {
    const one = await testSigner(1);
    const crowd = (bytes: Uint8Array) =>
      resign(bytes, (signatures) => [
        { keyid: 'unknown', sig: 'what is this' },
        { keyid: 'constructor', sig: '' },
        { keyid: '__proto__', sig: '00' },
        ...signatures,
        { keyid: '', sig: '' },
      ]);
    expect(await offer([one], crowd)).toBe('accepted');
  });

  test('keys of unknown types, which never count, and keyids without a key', async () => {
    const one = await testSigner(1);
    const future = { ...one, keyid: 'future', key: { keytype: 'dilithium', scheme: 'dilithium3', keyval: { public: 'AAAA' } } };
    expect(await offer([one, future], (bytes) => bytes)).toEqual(refusal('unsigned', { actual: 'by 1' }));
    const repository = await RepositorySimulator.create();
    const root = signedPart(repository.root);
    const [signer] = repository.signers.timestamp as [Signer];
    const forged = {
      version: 2,
      keys: { ...(root.keys as JsonObject), future: future.key },
      roles: { ...(root.roles as JsonObject), timestamp: { keyids: ['future', 'nobody', signer.keyid], threshold: 1 } },
    };
    repository.put('2.root.json', await repository.forge('root', forged));
    const trusted = await repository.client().refresh();
    expect(trusted.root.signed.keys).toHaveProperty('future');
  });

  test('keyids that are not the hash of their key (TAP 12), and that are names of Object.prototype', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    expect(await offer([alias(one, '__proto__'), alias(two, 'toString')], (bytes) => bytes)).toBe('accepted');
  });

  test('a threshold of zero, a fraction or more is malformed', async () => {
    const repository = await RepositorySimulator.create();
    const roles = signedPart(repository.root).roles as JsonObject;
    for (const threshold of [0, -1, '1', null, true]) {
      const forged = { ...roles, timestamp: { ...(roles.timestamp as JsonObject), threshold } };
      repository.put('2.root.json', await repository.forge('root', { version: 2, roles: forged }));
      await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'root' }));
    }
  });
});

import { describe, expect, test } from 'vitest';
import { nextRelease, type ReleaseMetadata } from '../../src/repository/release.js';
import { signMetadata } from '../../src/repository/sign.js';
import { ed25519Signer, type Signer } from '../../src/repository/signer.js';
import { describe as describeFile, type FileDigest } from '../../src/tuf/file.js';
import { canonicalize, type JsonObject } from '../../src/tuf/json.js';
import { EXPIRY, RepositorySimulator, START, signedPart, testSigner, utf8 } from '../repository-simulator.js';

async function signers() {
  return { targets: [await testSigner(1)], snapshot: [await testSigner(2)], timestamp: [await testSigner(3)] };
}

async function file(path: string, text: string) {
  return { path, ...(await describeFile(utf8(text))) };
}

/** Publishes and says what was written. */
async function publish(previous: ReleaseMetadata | undefined, files: ({ path: string } & FileDigest)[], now = START) {
  const { changed, metadata } = await nextRelease(previous, files, await signers(), EXPIRY, now);
  return { names: changed.map(({ name }) => name), changed, metadata };
}

describe('nextRelease', () => {
  test('begins with version 1 of each role, the timestamp last', async () => {
    const { names, metadata, changed } = await publish(undefined, [await file('a', '1')]);
    expect(names).toEqual(['1.targets.json', '1.snapshot.json', 'timestamp.json']);
    expect(changed.map(({ bytes }) => bytes)).toEqual([metadata.targets, metadata.snapshot, metadata.timestamp]);
    expect(signedPart(metadata.targets)).toMatchObject({
      _type: 'targets',
      spec_version: '1.0.34',
      version: 1,
      expires: '2030-04-01T00:00:00Z',
      targets: { a: await describeFile(utf8('1')) },
    });
    const { length, hashes } = await describeFile(metadata.targets);
    expect(signedPart(metadata.snapshot).meta).toEqual({ 'targets.json': { version: 1, length, hashes } });
  });

  test('the same files again write nothing, in whatever order they come', async () => {
    const files = [await file('a', '1'), await file('b', '2')];
    const first = await publish(undefined, files);
    const again = await publish(first.metadata, files.reverse(), START + 1000);
    expect(again.names).toEqual([]);
    expect(again.metadata).toEqual(first.metadata);
  });

  test('a changed, added or removed file bumps all three', async () => {
    const first = await publish(undefined, [await file('a', '1')]);
    for (const files of [[await file('a', '2')], [await file('a', '1'), await file('b', '1')], []]) {
      const { names } = await publish(first.metadata, files);
      expect(names).toEqual(['2.targets.json', '2.snapshot.json', 'timestamp.json']);
    }
    const custom = { ...(await file('a', '1')), custom: { note: 'x' } };
    expect((await publish(first.metadata, [custom])).names).toHaveLength(3);
  });

  test('a role that has used up half of its life is renewed, with what lists it', async () => {
    const files = [await file('a', '1')];
    const first = await publish(undefined, files);
    const writtenAfter = async (seconds: number) => (await publish(first.metadata, files, START + seconds * 1000)).names;
    expect(await writtenAfter(EXPIRY.timestamp / 2 - 1)).toEqual([]);
    expect(await writtenAfter(EXPIRY.timestamp / 2)).toEqual(['timestamp.json']);
    expect(await writtenAfter(EXPIRY.snapshot / 2)).toEqual(['2.snapshot.json', 'timestamp.json']);
    expect(await writtenAfter(EXPIRY.targets / 2)).toEqual(['2.targets.json', '2.snapshot.json', 'timestamp.json']);
  });

  test('other signers sign again', async () => {
    const files = [await file('a', '1')];
    const first = await publish(undefined, files);
    const with4 = async (role: 'targets' | 'snapshot' | 'timestamp', keys: Signer[]) => {
      const { changed } = await nextRelease(first.metadata, files, { ...(await signers()), [role]: keys }, EXPIRY, START);
      return changed.map(({ name }) => name);
    };
    expect(await with4('timestamp', [await testSigner(4)])).toEqual(['timestamp.json']);
    expect(await with4('snapshot', [await testSigner(4)])).toEqual(['2.snapshot.json', 'timestamp.json']);
    expect(await with4('targets', [await testSigner(1), await testSigner(4)])).toEqual([
      '2.targets.json',
      '2.snapshot.json',
      'timestamp.json',
    ]);
  });

  test('fields it does not know stay', async () => {
    const repository = await RepositorySimulator.create();
    const targets = await repository.forge('targets', { 'x-note': { a: 1 }, delegations: { keys: {}, roles: [] } });
    const snapshot = await repository.forge('snapshot', { meta: { 'targets.json': { version: 1 }, 'other.json': { version: 4 } } });
    const previous = { targets, snapshot, timestamp: repository.current('timestamp') };
    const { metadata } = await nextRelease(previous, [], repository.signers, EXPIRY, START);
    expect(signedPart(metadata.targets)).toMatchObject({
      version: 2,
      'x-note': { a: 1 },
      delegations: { keys: {}, roles: [] },
      targets: {},
    });
    expect(signedPart(metadata.snapshot).meta).toMatchObject({ 'targets.json': { version: 2 }, 'other.json': { version: 4 } });
  });

  test('paths that are names of Object.prototype are paths', async () => {
    const { metadata } = await publish(undefined, [await file('__proto__', '1'), await file('constructor', '2')]);
    expect(Object.keys(signedPart(metadata.targets).targets as JsonObject)).toEqual(['__proto__', 'constructor']);
  });

  test('after version 2^53 - 1 there is none', async () => {
    const repository = await RepositorySimulator.create();
    const timestamp = await repository.forge('timestamp', { version: Number.MAX_SAFE_INTEGER });
    const previous = { targets: repository.current('targets'), snapshot: repository.current('snapshot'), timestamp };
    await expect(nextRelease(previous, [], repository.signers, EXPIRY, START)).rejects.toThrow(RangeError);
  });
});

describe('signMetadata', () => {
  test('writes what it signed: canonical JSON, whatever the order of fields', async () => {
    const signer = await testSigner(1);
    const one = await signMetadata({ b: 1, a: 'é\n' }, [signer]);
    expect(one).toEqual(await signMetadata({ a: 'é\n', b: 1 }, [signer]));
    const text = new TextDecoder().decode(one);
    expect(text.endsWith('"signed":{"a":"é\\n","b":1}}')).toBe(true);
    expect(JSON.parse(text).signed).toEqual({ a: 'é\n', b: 1 });
  });
});

describe('ed25519Signer', () => {
  test('has the keyid that other TUF tools compute, and the signature of RFC 8032', async () => {
    // RFC 8032 section 7.1, test 1.
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const signer = await ed25519Signer(seed);
    const publicKey = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
    expect(signer.key).toEqual({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey } });
    const { hashes } = await describeFile(canonicalize(signer.key));
    expect(signer.keyid).toBe(hashes.sha256);
    expect(Buffer.from(await signer.sign(new Uint8Array())).toString('hex')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { isIndexedByName } from '../../src/release/packs.js';
import { signMetadata } from '../../src/repository/sign.js';
import { signIndex } from '../../src/repository/targets-index.js';
import { describe as describeBytes } from '../../src/tuf/file.js';
import { encodeJson, type JsonObject, parseJson } from '../../src/tuf/json.js';
import { Targets } from '../../src/tuf/targets.js';
import { indexDocument, indexTargets, readBlock, TargetsIndex } from '../../src/tuf/targets-index.js';
import type { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { RepositorySimulator, signedPart, testSigner, utf8 } from '../repository-simulator.js';

const NAMED = (path: string) => path === 'vouchsafe.json';

let repository: RepositorySimulator;
let trusted: TrustedMetadata;
let targets: Targets;

/** Names that sort in other ways by code point and by UTF-16 unit, or are those of properties of every object, among a thousand others. */
const files = (count: number) =>
  Object.fromEntries([
    ...Array.from({ length: count }, (_, i) => [`assets/${i}.js`, `${i}`] as const),
    ...['__proto__', 'constructor', 'vouchsafe.json', '\u{1f600}.js', '\uffee.js', 'a/b/c', 'ü'].map(
      (path) => [path, path] as const,
    ),
  ]);

async function trust(): Promise<void> {
  trusted = await repository.client().refresh();
  targets = new Targets(repository.current('targets'));
}

beforeEach(async () => {
  repository = await RepositorySimulator.create({ targets: 2 });
  await repository.release(files(1000));
  await trust();
});

async function sign(change = {}, signers = repository.signers.targets): Promise<Uint8Array> {
  const { signed } = await indexTargets(targets, NAMED);
  return signMetadata({ ...signed, ...change }, signers);
}

/** What a client says of an index that the snapshot lists, whoever has signed the snapshot for that. */
async function verdict(bytes: Uint8Array): Promise<TargetsIndex> {
  const { version, meta } = signedPart(repository.current('snapshot')) as { version: number; meta: { 'targets.json': JsonObject } };
  const { signatures } = parseJson(bytes) as { signatures?: JsonObject[] };
  const listing = { 'targets.json': { ...meta['targets.json'], index_signatures: signatures ?? [] } };
  await repository.serve({ snapshot: await repository.forge('snapshot', { version: version + 1, meta: listing }) });
  trusted = await repository.client().refresh();
  return trusted.verifyIndex(bytes);
}

describe('the index of targets metadata', () => {
  it('has every file in the block that it says, and blocks that it has the hashes of', async () => {
    const { indexSignatures: signatures = new Map() } = trusted.listed('targets');
    const { signed, blocks } = await indexTargets(targets, isIndexedByName);
    const index = await trusted.verifyIndex(indexDocument(signed, signatures));
    expect(await signIndex(targets, isIndexedByName, repository.signers.targets)).toEqual(
      Array.from(signatures, ([keyid, sig]) => ({ keyid, sig })),
    );
    expect(index.blocks).toBe(blocks.length);
    expect(blocks.length).toBeGreaterThan(10);
    const read = blocks.map(readBlock);
    for (const [path, file] of targets.files) expect(read[index.blockOf(path)]?.get(path)).toEqual(file);
    expect(read.reduce((sum, block) => sum + block.size, 0)).toBe(targets.files.size);
    for (const path of ['', 'a', 'zz', '\u{10ffff}', 'toString'])
      for (const block of [read[index.blockOf(path)]]) expect(block?.has(path)).toBe(false);
    for (const [number, block] of blocks.entries())
      expect(index.digestOf(number).hashes.sha256).toBe((await describeBytes(block)).hashes.sha256);
    expect(index).toMatchObject({ files: targets.files.size, version: targets.version, expires: targets.expires });
    expect([...index.named]).toEqual([['vouchsafe.json', targets.files.get('vouchsafe.json')]]);
  });

  it('is the same in every version of this program: a worker in the field makes it as the publisher did', async () => {
    const paths = [
      ...Array.from({ length: 150 }, (_, i) => `assets/${i}.js`),
      'index.html',
      'vouchsafe.json',
      'vouchsafe/packs/0.txt',
    ];
    const entries = Object.fromEntries(paths.map((path) => [path, { length: path.length, hashes: { sha256: '0'.repeat(64) } }]));
    const fields = { _type: 'targets', spec_version: '1.0.34', version: 7, expires: '2030-01-01T00:00:00Z' };
    const fixed = new Targets(encodeJson({ signatures: [], signed: { ...fields, targets: entries } }));
    const { hashes } = await describeBytes(encodeJson((await indexTargets(fixed, isIndexedByName)).signed));
    expect(hashes.sha256).toBe('bb85760a02fa7f9ffd1972ebab6ca9530c9769a8fc38cd2602f499e79676a37a');
  });

  it('grows with the root of the number of files', async () => {
    await repository.release(files(10_000));
    await trust();
    const index = await verdict(await sign());
    expect(index.blocks).toBeLessThanOrEqual(101);
    expect(index.bytes.length).toBeLessThan(20_000);
  });

  it('is none for a release without files', async () => {
    await repository.release({});
    await trust();
    const index = await verdict(await sign());
    expect([index.blocks, index.files, index.blockOf('x'), index.named.size]).toEqual([0, 0, 0, 0]);
  });
});

describe('A10, A8: an index is refused', () => {
  it('that fewer keys have signed than the targets need, or keys of other roles', async () => {
    const [one] = repository.signers.targets;
    if (!one) throw new Error('no key');
    for (const signers of [
      [one],
      [one, one],
      [one, await testSigner(200)],
      repository.signers.snapshot,
      repository.signers.timestamp,
    ])
      await expect(sign({}, signers).then(verdict)).rejects.toMatchObject({
        code: expect.stringMatching(/^(unsigned|malformed)$/),
      });
    await expect(verdict(await sign())).resolves.toBeInstanceOf(TargetsIndex);
  });

  it('of whose signatures the snapshot lists fewer, or more', async () => {
    const bytes = await sign();
    const { signatures = [] } = parseJson(bytes) as { signatures?: JsonObject[] };
    for (const listed of [signatures.slice(1), [...signatures, { keyid: 'x', sig: '00' }], []]) {
      const { version, meta } = signedPart(repository.current('snapshot')) as {
        version: number;
        meta: { 'targets.json': JsonObject };
      };
      const listing = { 'targets.json': { ...meta['targets.json'], index_signatures: listed } };
      await repository.serve({ snapshot: await repository.forge('snapshot', { version: version + 1, meta: listing }) });
      await expect((await repository.client().refresh()).verifyIndex(bytes)).rejects.toMatchObject({ code: 'mismatch' });
    }
  });

  it('that the snapshot does not list, though the targets keys have signed it: they alone do not say what a release is', async () => {
    const other = await sign({ named: { 'vouchsafe.json': { length: 1, hashes: { sha256: '0'.repeat(64) } } } });
    await expect(trusted.verifyIndex(other)).rejects.toMatchObject({ code: 'mismatch', facts: { role: 'targets' } });
    await expect(verdict(other)).resolves.toBeInstanceOf(TargetsIndex);
  });

  it('that is of another document: an older one, a newer one, or none that the snapshot lists', async () => {
    const old = await sign();
    await repository.release({ ...files(1000), 'assets/7.js': 'changed' });
    await trust();
    await expect(verdict(old)).rejects.toMatchObject({ code: 'mismatch', facts: { role: 'targets' } });
    const version = targets.version;
    await expect(verdict(await sign({ version: version + 1 }))).rejects.toMatchObject({ code: 'mismatch' });
    const { length } = await describeBytes(targets.bytes);
    for (const other of [
      { length, hashes: { sha256: '0'.repeat(64) } },
      { length, hashes: { sha512: '0'.repeat(128) } },
    ])
      await expect(verdict(await sign({ targets: other }))).rejects.toMatchObject({ code: 'mismatch' });
  });

  it('where the snapshot has no hash of the targets metadata', async () => {
    const meta = { 'targets.json': { version: targets.version } };
    await repository.serve({ snapshot: await repository.forge('snapshot', { meta, version: 9 }) });
    await trust();
    await expect(verdict(await sign())).rejects.toMatchObject({ code: 'mismatch' });
  });

  it('whose blocks are not in order, or without a hash each; and anything that is no index', async () => {
    const { first, sha256 } = signedPart(await sign()) as { first: string[]; sha256: string };
    for (const change of [
      { first: [...first].reverse() },
      { first: [first[0] ?? '', ...first.slice(0, -1)] },
      { first: first.slice(1) },
      { sha256: sha256.slice(64) },
      { sha256: sha256.toUpperCase() },
      { sha256: [sha256] },
      { first: 'a' },
      { files: -1 },
      { named: [] },
      { targets: 1 },
      { _type: 'targets' },
    ])
      await expect(verdict(await sign(change))).rejects.toMatchObject({ code: 'malformed' });
    for (const bytes of [utf8(''), utf8('{}'), targets.bytes, repository.current('snapshot')])
      await expect(verdict(bytes)).rejects.toMatchObject({ code: 'malformed' });
  });

  it('A12 in the place of targets metadata: no client takes it for that', async () => {
    const index = await sign();
    expect(() => new Targets(index)).toThrow(expect.objectContaining({ code: 'malformed' }));
    await repository.serve({ targets: index });
    await expect(repository.client().refresh()).rejects.toMatchObject({ code: 'malformed' });
  });
});

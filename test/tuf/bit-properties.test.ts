import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeDelegations } from '../../src/repository/delegation.js';
import { nextRoot } from '../../src/repository/root.js';
import type { Signer } from '../../src/repository/signer.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { JsonObject } from '../../src/tuf/json.js';
import type { TopLevelRole } from '../../src/tuf/root.js';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { EXPIRY, MemoryStore, RepositorySimulator, START, signedPart, testSigner, utf8 } from '../repository-simulator.js';

fc.configureGlobal({ seed: 20_261_122, numRuns: 60 });

const ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];

/** A new signer of each type that a root can list. */
const newSigner: Readonly<Record<string, () => Promise<Signer>>> = {
  ed25519: () => testSigner(99),
  ecdsa: async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const key = { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem } };
    return { keyid: 'ec', key, sign: async (message) => sign('sha256', message, privateKey) };
  },
  rsa: async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const key = { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem } };
    const options = { key: privateKey, padding: 6, saltLength: 32 };
    return { keyid: 'rsa', key, sign: async (message) => sign('sha256', message, options) };
  },
};

const FILES = { root: '2.root.json', timestamp: 'timestamp.json', snapshot: '2.snapshot.json', targets: '2.targets.json' };

/** A repository at its second root and second release, which the given signers have signed, every role with all of them. */
async function repositoryOf(signers: readonly Signer[]): Promise<RepositorySimulator> {
  const repository = await RepositorySimulator.create();
  await repository.rotate({ root: [...signers], timestamp: [...signers], snapshot: [...signers], targets: [...signers] });
  await repository.publish();
  return repository;
}

/** The same, with one signature enough for each role. */
async function repositoryOfOneOf(signers: readonly Signer[]): Promise<RepositorySimulator> {
  const repository = await RepositorySimulator.create();
  const role = { keys: signers, threshold: 1 };
  const roles = { root: role, timestamp: role, snapshot: role, targets: role };
  repository.root = await nextRoot(repository.root, roles, [...repository.signers.root, ...signers], START + 1000 * EXPIRY.root);
  repository.put('2.root.json', repository.root);
  repository.signers = { root: [...signers], timestamp: [...signers], snapshot: [...signers], targets: [...signers] };
  await repository.publish();
  return repository;
}

/** Makes the metadata list versions only, so that the signature alone must notice a change in what is listed. */
async function listVersionsOnly(repository: RepositorySimulator): Promise<void> {
  await repository.serve({ snapshot: await repository.forge('snapshot', { meta: { 'targets.json': { version: 2 } } }) });
  repository.put('timestamp.json', await repository.forge('timestamp', { meta: { 'snapshot.json': { version: 2 } } }));
}

function fileOf(repository: RepositorySimulator, role: TopLevelRole): Uint8Array {
  return repository.files.get(`/metadata/${FILES[role]}`) as Uint8Array;
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

/** What a new client makes of a role's document: the `signed` part that it trusts then, or the error. A refused one is not saved. */
async function verdict(repository: RepositorySimulator, role: TopLevelRole, document: Uint8Array): Promise<JsonObject | Error> {
  const honest = fileOf(repository, role);
  const store = new MemoryStore();
  repository.put(FILES[role], document);
  const result = await repository
    .client(store)
    .refresh()
    .catch((error: Error) => error);
  repository.put(FILES[role], honest);
  const isSaved = [...store.roots.values(), ...store.roles.values()].some((bytes) => Buffer.compare(bytes, document) === 0);
  expect(isSaved).toBe(!(result instanceof Error));
  return result instanceof Error ? result : (result[role]?.signed as JsonObject);
}

const UNUSED = '"note":"caf\\u00e9, 50 \\u20aC"';
const SPARE = '{"keyid":"nobody","sig":"beef"}';

/** A document as another program may write it: white space, fields and signatures that nobody asked for, escapes. It means the same. */
function foreign(document: Uint8Array): Uint8Array {
  const { signatures, signed } = JSON.parse(new TextDecoder().decode(document)) as { signatures: JsonObject[]; signed: JsonObject };
  const escaped = JSON.stringify(signed).replace(/o/g, '\\u006f').replace(/[,{]/g, '$&\r');
  const list = signatures.map((signature) => JSON.stringify(signature)).join();
  return utf8(`\r{${UNUSED},\t"signatures":[${SPARE},${list}],\n"signed":${escaped}} \r`);
}

/** The places in a foreign document in which a flip need not be refused, by byte. */
function placesOf(document: Uint8Array): ReadonlyMap<number, string> {
  const text = new TextDecoder().decode(document);
  const { signatures } = JSON.parse(text) as { signatures: JsonObject[] };
  const places = new Map<number, string>();
  const mark = (what: string, start: number, place: string): void => {
    for (let i = 0; i < what.length; i++) places.set(start + i, place);
  };
  for (const { index, 0: space } of text.matchAll(/\s/g)) mark(space, index, 'white space');
  for (const { index, 0: escaped } of text.matchAll(/\\u[\da-fA-F]{4}/g)) mark(escaped, index, 'an escape');
  mark(UNUSED, text.indexOf(UNUSED), 'an unused field');
  for (const signature of signatures.map((one) => JSON.stringify(one)))
    mark(signature, text.indexOf(signature), 'a signature that is not needed');
  return places;
}

describe('A1: one flipped bit', () => {
  for (const [type, create] of Object.entries(newSigner)) {
    for (const lists of ['hashes', 'versions']) {
      test(`anywhere in a document as this publisher writes it, signed by ${type}, listed with ${lists}, is refused`, async () => {
        const repository = await repositoryOf([await create()]);
        if (lists === 'versions') await listVersionsOnly(repository);
        for (const role of ROLES) {
          const document = fileOf(repository, role);
          expect(await verdict(repository, role, document)).toEqual(signedPart(document));
          await fc.assert(
            fc.asyncProperty(fc.nat(8 * document.length - 1), async (bit) => {
              expect(await verdict(repository, role, flip(document, bit))).toHaveProperty('name', 'VouchsafeError');
            }),
          );
        }
      });
    }
  }

  for (const [type, create] of Object.entries(newSigner)) {
    test(`anywhere in the metadata of a delegated role signed by ${type} is refused, with and without a listed hash`, async () => {
      const repository = await RepositorySimulator.create();
      const signers = [await create()];
      const delegations = describeDelegations([{ name: 'docs', keys: signers, threshold: 1, paths: ['docs/*'] }]);
      const files = [await repository.putTarget('docs/index.html', 'documents')];
      repository.delegated = { delegations, roles: new Map([['docs', { files, signers }]]) };
      await repository.publish();
      const document = repository.files.get('/metadata/1.docs.json') as Uint8Array;
      for (const lists of ['hashes', 'versions']) {
        if (lists === 'versions') {
          const meta = { 'targets.json': { version: 2 }, 'docs.json': { version: 1 } };
          await repository.serve({ snapshot: await repository.forge('snapshot', { meta }) });
        }
        await fc.assert(
          fc.asyncProperty(fc.nat(8 * document.length - 1), async (bit) => {
            const store = new MemoryStore();
            repository.put('1.docs.json', flip(document, bit));
            await expect(repository.client(store).findTarget('docs/index.html')).rejects.toHaveProperty('name', 'VouchsafeError');
            expect([...store.roles.keys()]).toEqual(['timestamp', 'snapshot', 'targets']);
          }),
        );
        repository.put('1.docs.json', document);
        expect(await repository.client().findTarget('docs/index.html')).toEqual(files[0]);
      }
    });
  }

  test('is refused by the rules: every single bit of all four documents, none of which lists hashes', async () => {
    const repository = await repositoryOf([await testSigner(99)]);
    await listVersionsOnly(repository);
    const trusted = await TrustedMetadata.fromRoot(repository.files.get('/metadata/1.root.json') as Uint8Array, repository.now);
    const take: Record<TopLevelRole, (bytes: Uint8Array) => Promise<unknown>> = {
      root: (bytes) => trusted.updateRoot(bytes),
      timestamp: (bytes) => trusted.updateTimestamp(bytes),
      snapshot: (bytes) => trusted.updateSnapshot(bytes),
      targets: (bytes) => trusted.updateTargets(bytes),
    };
    for (const role of ROLES) {
      const document = fileOf(repository, role);
      const before = trusted[role];
      for (let bit = 0; bit < 8 * document.length; bit++) {
        const error = await take[role](flip(document, bit)).catch((reason: Error) => reason);
        if (!(error instanceof VouchsafeError)) expect(error, `bit ${bit} of ${role}`).toBeInstanceOf(VouchsafeError);
      }
      expect(trusted[role]).toBe(before);
      await take[role](document);
    }
  });

  // Other publishers write documents in which a bit may change that nobody has signed and that says nothing: then a signature still covers
  // every value that is trusted. Each such place stands here; a flip that is taken anywhere else fails the test.
  test('that is not refused lies in one of four places, and changes nothing of what is trusted', async () => {
    const repository = await repositoryOfOneOf([await testSigner(98), await testSigner(99)]);
    await listVersionsOnly(repository);
    const taken = new Map<string, number>();
    for (const role of ROLES) {
      const honest = fileOf(repository, role);
      const document = foreign(honest);
      const places = placesOf(document);
      const signed = signedPart(honest);
      expect(await verdict(repository, role, document)).toEqual(signed);
      const inPlace = fc
        .constantFrom(...new Set(places.values()))
        .chain((place) => fc.constantFrom(...[...places.keys()].filter((byte) => places.get(byte) === place)))
        // Bit 5 is the case of a letter.
        .chain((byte) => fc.constantFrom(0, 1, 2, 3, 4, 5, 5, 5, 6, 7).map((bit) => 8 * byte + bit));
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.nat(8 * document.length - 1), inPlace), async (bit) => {
          const result = await verdict(repository, role, flip(document, bit));
          if (result instanceof Error) {
            expect(result).toHaveProperty('name', 'VouchsafeError');
            return;
          }
          expect(result).toEqual(signed);
          const place = places.get(bit >> 3);
          expect(place, `bit ${bit} of ${new TextDecoder().decode(document)}`).toBeDefined();
          taken.set(`${place}`, (taken.get(`${place}`) ?? 0) + 1);
        }),
        { numRuns: 200 },
      );
    }
    // The exception is no wider than it must be: each place has flips that are taken.
    expect([...taken.keys()].sort()).toEqual(['a signature that is not needed', 'an escape', 'an unused field', 'white space']);
  });
});

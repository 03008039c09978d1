import assert from 'node:assert/strict';
import fc from 'fast-check';
import { signMetadata } from '../../src/repository/sign.js';
import { DelegationIndex } from '../../src/tuf/delegation-index.js';
import { encodeJson } from '../../src/tuf/json.js';
import { Root, type TopLevelRole } from '../../src/tuf/root.js';
import { Snapshot } from '../../src/tuf/snapshot.js';
import { Targets } from '../../src/tuf/targets.js';
import { Timestamp } from '../../src/tuf/timestamp.js';
import { MemoryStore, type RepositorySimulator } from '../repository-simulator.js';
import { type AnyCampaign, campaign, unlessRefused, unlessRejected } from './campaign.js';
import { damaged, hostileTexts, type Json, mutated } from './mutations.js';

const ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];
const PATHS = ['app.js', 'docs/index.html', 'docs/a/b.html', '__proto__', ''];

/** The four roles' parsers on anything, and a client whose repository's keys are stolen. */
export function metadataCampaigns(documents: readonly Json[], repository: RepositorySimulator): AnyCampaign[] {
  const values = mutated(documents).map((document) => Buffer.from(JSON.stringify(document)));
  return [
    campaign(
      'metadata',
      fc.oneof(values, damaged(values)).map((bytes) => new Uint8Array(bytes)),
      checkParsers,
    ),
    campaign(
      'stolen',
      fc.constantFrom(...ROLES).chain((role) => {
        const signed = JSON.parse(Buffer.from(documentOf(repository, role)).toString()).signed as Json;
        return fc.record({
          role: fc.constant(role),
          signed: mutated([signed]),
          path: fc.oneof(fc.constantFrom(...PATHS), hostileTexts),
        });
      }),
      (input) => checkClient(repository, input),
    ),
  ];
}

async function checkParsers(bytes: Uint8Array): Promise<void> {
  for (const parse of [Root, Timestamp, Snapshot, Targets]) {
    const metadata = unlessRefused(() => new parse(bytes));
    if (!metadata) continue;
    const { signed } = JSON.parse(Buffer.from(bytes).toString());
    assert.equal(metadata.bytes, bytes);
    assert.equal(metadata.version, signed.version);
    assert.ok(metadata.version >= 1);
    assert.equal(metadata.expires, Date.parse(signed.expires));
    if (metadata instanceof Root) {
      for (const role of ROLES) await unlessRejected(metadata.verify(role, metadata));
      for (const role of ROLES) assert.equal(metadata.losesKey(role, metadata), false);
    }
    if (metadata instanceof Targets) checkTargets(metadata, signed);
  }
}

function checkTargets({ files, delegations }: Targets, signed: { readonly targets: object }): void {
  assert.deepEqual([...files.keys()].sort(), Object.keys(signed.targets).sort());
  for (const { length, hashes } of files.values()) {
    assert.ok(length >= 0);
    assert.match(`${hashes.sha256 ?? ''}${hashes.sha512 ?? ''}`, /^([0-9a-f]{64}|[0-9a-f]{128}|[0-9a-f]{192})$/);
  }
  if (!delegations) return;
  const index = new DelegationIndex(delegations);
  for (const path of [...PATHS, ...files.keys()]) {
    for (const { role, threshold } of index.matching(path)) {
      assert.ok(threshold >= 1);
      assert.ok(role !== '' && !(ROLES as readonly string[]).includes(role), `a delegated role is called "${role}"`);
    }
  }
}

/** What leads to the forged role's document is signed to fit, so that as much as possible of it is looked at. */
async function checkClient(
  repository: RepositorySimulator,
  input: { role: TopLevelRole; signed: Json; path: string },
): Promise<void> {
  const { role, signed, path } = input;
  const bytes = await unlessRejected(forged(repository, role, signed));
  if (!bytes) return;
  const before = new Map(repository.files);
  const version = versionOf(signed);
  const meta = { 'targets.json': { version }, 'docs.json': { version: 1 } };
  if (role === 'root') repository.put('2.root.json', bytes);
  if (role === 'targets') {
    repository.put(`${version}.targets.json`, bytes);
    repository.put('1.snapshot.json', await repository.forge('snapshot', { meta }));
  }
  if (role === 'snapshot') repository.put(`${version}.snapshot.json`, bytes);
  const listed = { 'snapshot.json': { version: role === 'snapshot' ? version : 1 } };
  if (role !== 'root')
    repository.put('timestamp.json', role === 'timestamp' ? bytes : await repository.forge('timestamp', { meta: listed }));
  const client = repository.client(new MemoryStore());
  await unlessRejected(client.refresh());
  const target = await unlessRejected(client.findTarget(path));
  if (target) await unlessRejected(client.downloadTarget(target));
  repository.files.clear();
  for (const [name, file] of before) repository.files.set(name, file);
}

/** The version to list for a forged document: its own, if it is one. */
function versionOf(signed: Json): number {
  const version = signed !== null && typeof signed === 'object' && !Array.isArray(signed) ? signed.version : undefined;
  return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? version : 1;
}

/** Signed when it is an object; nothing else can be. */
async function forged(repository: RepositorySimulator, role: TopLevelRole, signed: Json): Promise<Uint8Array> {
  if (typeof signed === 'object' && signed !== null && !Array.isArray(signed))
    return signMetadata(signed, repository.signers[role]);
  return encodeJson({ signatures: [], signed });
}

function documentOf(repository: RepositorySimulator, role: TopLevelRole): Uint8Array {
  return role === 'root' ? repository.root : repository.current(role);
}

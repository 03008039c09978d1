import { createHash } from 'node:crypto';
import { firstRoot, nextRoot, type RoleDefinitions } from '../../src/repository/root.js';
import { SPEC_VERSION, signMetadata } from '../../src/repository/sign.js';
import { formatDate } from '../../src/tuf/fields.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { nodeSigner } from '../interop/node-signers.js';

const YEAR = 365 * 86_400_000;

/** A repository to measure with. */
export interface BenchRepository {
  /** In words, for the table. */
  readonly name: string;
  /** Version 1 of the root. */
  readonly root: Uint8Array;
  /** The metadata folder: bytes by file name. There are no target files; finding them is what is measured. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Every target path. */
  readonly paths: readonly string[];
}

/**
 * @param count how many targets, all in the top-level targets metadata
 * @param rotations how many more versions of the root there are, each signed by a new root key
 */
export async function flatRepository(count: number, rotations = 0): Promise<BenchRepository> {
  const targets = Object.fromEntries(describeTargets(count));
  const words = rotations > 0 ? `, ${rotations} root rotations` : '';
  return publish(`${inWords(count)} targets, flat${words}`, { targets }, new Map(), Object.keys(targets), rotations);
}

/**
 * @param count how many targets
 * @param bits 2^bits succinct hash bins share them, by the first bits of the SHA-256 of their paths
 */
export async function binsRepository(count: number, bits: number): Promise<BenchRepository> {
  const bins = Array.from({ length: 2 ** bits }, (): JsonObject => ({}));
  const paths: string[] = [];
  for (const [path, target] of describeTargets(count)) {
    const bin = bins[createHash('sha256').update(path).digest().readUInt32BE() >>> (32 - bits)];
    if (bin) bin[path] = target;
    paths.push(path);
  }
  const signer = nodeSigner('ed25519');
  const digits = Math.ceil(bits / 4);
  const roles = new Map<string, Uint8Array>();
  for (const [i, targets] of bins.entries()) {
    roles.set(`bin-${i.toString(16).padStart(digits, '0')}`, await signMetadata({ ...common('targets'), targets }, [signer]));
  }
  const succinct = { keyids: [signer.keyid], threshold: 1, bit_length: bits, name_prefix: 'bin' };
  const delegations = { keys: { [signer.keyid]: signer.key }, succinct_roles: succinct };
  const name = `${inWords(count)} targets, ${inWords(2 ** bits)} hash bins`;
  return publish(name, { targets: {}, delegations }, roles, paths, 0);
}

function* describeTargets(count: number): Generator<[string, JsonObject]> {
  for (let i = 0; i < count; i++) {
    const sha256 = createHash('sha256').update(`content ${i}`).digest('hex');
    yield [`packages/${sha256.slice(0, 2)}/package-${i}-1.0.0.tgz`, { length: 1000 + i, hashes: { sha256 } }];
  }
}

async function publish(
  name: string,
  content: JsonObject,
  delegated: ReadonlyMap<string, Uint8Array>,
  paths: readonly string[],
  rotations: number,
): Promise<BenchRepository> {
  const signers = { timestamp: nodeSigner('ed25519'), snapshot: nodeSigner('ed25519'), targets: nodeSigner('ed25519') };
  let rootSigner = nodeSigner('ed25519');
  const define = (): RoleDefinitions => ({
    root: { keys: [rootSigner], threshold: 1 },
    timestamp: { keys: [signers.timestamp], threshold: 1 },
    snapshot: { keys: [signers.snapshot], threshold: 1 },
    targets: { keys: [signers.targets], threshold: 1 },
  });
  const files = new Map<string, Uint8Array>();
  const expires = Date.now() + YEAR;
  const root = await firstRoot(define(), [rootSigner], expires);
  let current = root;
  for (let version = 2; version <= rotations + 1; version++) {
    const old = rootSigner;
    rootSigner = nodeSigner('ed25519');
    current = await nextRoot(current, define(), [old, rootSigner], expires);
    files.set(`${version}.root.json`, current);
  }
  const meta: JsonObject = {};
  const targets = await signMetadata({ ...common('targets'), ...content }, [signers.targets]);
  for (const [role, bytes] of [['targets', targets] as const, ...delegated]) {
    files.set(`1.${role}.json`, bytes);
    meta[`${role}.json`] = list(bytes);
  }
  const snapshot = await signMetadata({ ...common('snapshot'), meta }, [signers.snapshot]);
  files.set('1.snapshot.json', snapshot);
  const listed = { 'snapshot.json': list(snapshot) };
  files.set('timestamp.json', await signMetadata({ ...common('timestamp'), meta: listed }, [signers.timestamp]));
  return { name, root, files, paths };
}

function common(type: string): JsonObject {
  return { _type: type, spec_version: SPEC_VERSION, version: 1, expires: formatDate(Date.now() + YEAR) };
}

function list(bytes: Uint8Array): JsonObject {
  return { version: 1, length: bytes.length, hashes: { sha256: createHash('sha256').update(bytes).digest('hex') } };
}

function inWords(count: number): string {
  return count.toLocaleString('en');
}

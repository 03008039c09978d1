import { formatDate } from '../tuf/fields.js';
import { describe, type TargetFile } from '../tuf/file.js';
import type { JsonObject, JsonValue } from '../tuf/json.js';
import { metadataName } from '../tuf/layout.js';
import type { Metadata } from '../tuf/metadata.js';
import type { TopLevelRole } from '../tuf/root.js';
import { Snapshot } from '../tuf/snapshot.js';
import { Targets } from '../tuf/targets.js';
import { Timestamp } from '../tuf/timestamp.js';
import { nextVersion, SPEC_VERSION, signMetadata } from './sign.js';
import type { Signer } from './signer.js';
import { signIndex } from './targets-index.js';

/** The roles that a release consists of. */
export type ReleaseRole = Exclude<TopLevelRole, 'root'>;

/** One document a role. */
export interface ReleaseMetadata extends Readonly<Record<ReleaseRole, Uint8Array>> {
  /** The delegated roles', by name. */
  readonly delegated?: ReadonlyMap<string, Uint8Array>;
}

/** The release before: as bytes, or as it was read already. */
export type PreviousMetadata = Readonly<Record<ReleaseRole, Uint8Array | Metadata>> & Pick<ReleaseMetadata, 'delegated'>;

/** What a delegated role lists, and who signs for it. */
export interface DelegatedRole {
  readonly files: readonly TargetFile[];
  readonly signers: readonly Signer[];
  /** What it delegates in turn. See `describeDelegations` and `describeHashBins`. */
  readonly delegations?: JsonObject;
}

/** What the top-level targets delegate. */
export interface Delegated {
  /** See `describeDelegations` and `describeHashBins`. */
  readonly delegations: JsonObject;
  /** Every delegated role by name, those further down too. */
  readonly roles: ReadonlyMap<string, DelegatedRole>;
}

/** Who signs for each role; as many as the root's threshold asks for. */
export type ReleaseSigners = Readonly<Record<ReleaseRole, readonly Signer[]>>;

/** Seconds of life that new metadata gets. */
export type Expiry = Readonly<Record<TopLevelRole, number>>;

/** A file of the repository. */
export interface MetadataFile {
  /** File name in the metadata folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** What to write, and what is current then. */
export interface NextRelease {
  /** New files in the order to write them: delegated roles, targets, snapshot, timestamp. Until the last is there, clients see the release before. */
  readonly changed: readonly MetadataFile[];
  readonly metadata: ReleaseMetadata;
}

/**
 * Makes the metadata of the next release (specification 4.4 to 4.6, 6.2). A role gets a new version only when it has to: what it lists has changed,
 * its signers have, or half of its life is over. Fields this code does not know stay as they are.
 *
 * @param previous the current metadata, or undefined for the first release
 * @param files every target of the release that the top-level targets list
 * @param signers who signs
 * @param expiry seconds of life; `root` is not used, delegated roles live as long as the targets
 * @param now milliseconds since 1970
 * @param delegated roles that list further targets; without it, what the previous targets delegate stays as it is
 * @param isIndexedByName which paths the index of the targets metadata names itself; without it there is no index
 * @throws `malformed`, `unsupported` for the previous metadata; RangeError when a version is 2^53 - 1
 */
export async function nextRelease(
  previous: PreviousMetadata | undefined,
  files: readonly TargetFile[],
  signers: ReleaseSigners,
  expiry: Omit<Expiry, 'root'>,
  now: number,
  delegated?: Delegated,
  isIndexedByName?: (path: string) => boolean,
): Promise<NextRelease> {
  const changed: MetadataFile[] = [];
  const next = async (
    role: string,
    type: ReleaseRole,
    previous: Uint8Array | Metadata | undefined,
    content: JsonObject,
    by: readonly Signer[],
  ): Promise<Pick<MetadataFile, 'version' | 'bytes'>> => {
    const before = previous && parsed(type, previous);
    const life = expiry[type] * 1000;
    const signed = { ...before?.signed, ...content };
    if (before && before.expires - now > life / 2 && isEqual(before.signed, signed) && hasSigned(before, by)) return before;
    const version = nextVersion(before);
    const expires = formatDate(now + life);
    const fields = { _type: type, spec_version: SPEC_VERSION, version, expires };
    // Clients that have seen it know that it is not earlier than this, whatever their own clock says.
    const signedAt = type === 'timestamp' && { signed_at: formatDate(now) };
    const bytes = await signMetadata({ ...signed, ...fields, ...signedAt }, by);
    const name = metadataName(role, role === 'timestamp' ? undefined : version);
    const file = { name, bytes, version, expires: Date.parse(expires) };
    changed.push(file);
    return file;
  };

  const roles = new Map(previous?.delegated);
  // A role that is delegated to no longer stays listed: clients refuse a snapshot that has forgotten one (specification 5.5.5).
  const listed: JsonObject = { ...(previous && (parsed('snapshot', previous.snapshot).signed.meta as JsonObject)) };
  for (const [role, { files, signers, delegations }] of delegated?.roles ?? []) {
    const content = { targets: describeTargets(files), ...(delegations && { delegations }) };
    const metadata = await next(role, 'targets', roles.get(role), content, signers);
    roles.set(role, metadata.bytes);
    listed[`${role}.json`] = await describeMetadata(metadata);
  }
  const content = { targets: describeTargets(files), ...(delegated && { delegations: delegated.delegations }) };
  const targets = await next('targets', 'targets', previous?.targets, content, signers.targets);
  const signatures = isIndexedByName && (await signIndex(new Targets(targets.bytes), isIndexedByName, signers.targets));
  listed['targets.json'] = { ...(await describeMetadata(targets)), ...(signatures && { index_signatures: signatures }) };
  const snapshot = await next('snapshot', 'snapshot', previous?.snapshot, { meta: listed }, signers.snapshot);
  const meta = { 'snapshot.json': await describeMetadata(snapshot) };
  const timestamp = await next('timestamp', 'timestamp', previous?.timestamp, { meta }, signers.timestamp);
  const metadata = { targets: targets.bytes, snapshot: snapshot.bytes, timestamp: timestamp.bytes };
  return { changed, metadata: roles.size === 0 ? metadata : { ...metadata, delegated: roles } };
}

const parsers = { targets: Targets, snapshot: Snapshot, timestamp: Timestamp };

function parsed(type: ReleaseRole, metadata: Uint8Array | Metadata): Metadata {
  return metadata instanceof Uint8Array ? new parsers[type](metadata) : metadata;
}

function describeTargets(files: readonly TargetFile[]): JsonObject {
  return Object.fromEntries(
    files.map(({ path, length, hashes, custom }) => [
      path,
      { length, hashes: { ...hashes }, ...(custom !== undefined && { custom }) },
    ]),
  );
}

async function describeMetadata({ version, bytes }: Pick<MetadataFile, 'version' | 'bytes'>): Promise<JsonObject> {
  const { length, hashes } = await describe(bytes);
  return { version, length, hashes: { ...hashes } };
}

/** Whether the canonical form of both is the same. Without making it: of a large release that is megabytes. */
function isEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

function hasSigned(metadata: Metadata, signers: readonly Signer[]): boolean {
  return metadata.signatures.size === signers.length && signers.every(({ keyid }) => metadata.signatures.has(keyid));
}

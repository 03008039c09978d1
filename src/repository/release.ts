import { formatDate } from '../tuf/fields.js';
import { describe, type TargetFile } from '../tuf/file.js';
import { canonicalize, type JsonObject } from '../tuf/json.js';
import { metadataName } from '../tuf/layout.js';
import type { Metadata } from '../tuf/metadata.js';
import type { TopLevelRole } from '../tuf/root.js';
import { Snapshot } from '../tuf/snapshot.js';
import { Targets } from '../tuf/targets.js';
import { Timestamp } from '../tuf/timestamp.js';
import { nextVersion, SPEC_VERSION, signMetadata } from './sign.js';
import type { Signer } from './signer.js';

/** The roles that a release consists of. */
export type ReleaseRole = Exclude<TopLevelRole, 'root'>;

/** One document a role. */
export type ReleaseMetadata = Readonly<Record<ReleaseRole, Uint8Array>>;

/** Who signs for each role; as many as the root's threshold asks for. */
export type ReleaseSigners = Readonly<Record<ReleaseRole, readonly Signer[]>>;

/** Seconds of life that new metadata gets. */
export type Expiry = Readonly<Record<TopLevelRole, number>>;

/** A file of the repository. */
export interface MetadataFile {
  /** File name in the metadata folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What to write, and what is current then. */
export interface NextRelease {
  /** New files in the order to write them: targets, snapshot, timestamp. Until the last is there, clients see the release before. */
  readonly changed: readonly MetadataFile[];
  readonly metadata: ReleaseMetadata;
}

/**
 * Makes the metadata of the next release (specification 4.4 to 4.6, 6.2). A role gets a new version only when it has to: what it lists has changed,
 * its signers have, or half of its life is over. Fields this code does not know stay as they are.
 *
 * @param previous the current metadata, or undefined for the first release
 * @param files every target of the release
 * @param signers who signs
 * @param expiry seconds of life; `root` is not used
 * @param now milliseconds since 1970
 * @throws `malformed`, `unsupported` for the previous metadata; RangeError when a version is 2^53 - 1
 */
export async function nextRelease(
  previous: ReleaseMetadata | undefined,
  files: readonly TargetFile[],
  signers: ReleaseSigners,
  expiry: Omit<Expiry, 'root'>,
  now: number,
): Promise<NextRelease> {
  const changed: MetadataFile[] = [];
  const next = async (role: ReleaseRole, before: Metadata | undefined, content: JsonObject): Promise<Metadata> => {
    const life = expiry[role] * 1000;
    const signed = { ...before?.signed, ...content };
    if (before && before.expires - now > life / 2 && isEqual(before.signed, signed) && hasSigned(before, signers[role]))
      return before;
    const version = nextVersion(before);
    const fields = { _type: role, spec_version: SPEC_VERSION, version, expires: formatDate(now + life) };
    const bytes = await signMetadata({ ...signed, ...fields }, signers[role]);
    changed.push({ name: metadataName(role, role === 'timestamp' ? undefined : version), bytes });
    return new parsers[role](bytes);
  };

  const before = previous && {
    targets: new Targets(previous.targets),
    snapshot: new Snapshot(previous.snapshot),
    timestamp: new Timestamp(previous.timestamp),
  };
  const targets = await next('targets', before?.targets, { targets: describeTargets(files) });
  const listed = { ...(before?.snapshot.signed.meta as JsonObject), 'targets.json': await describeMetadata(targets) };
  const snapshot = await next('snapshot', before?.snapshot, { meta: listed });
  const timestamp = await next('timestamp', before?.timestamp, { meta: { 'snapshot.json': await describeMetadata(snapshot) } });
  return { changed, metadata: { targets: targets.bytes, snapshot: snapshot.bytes, timestamp: timestamp.bytes } };
}

const parsers = { targets: Targets, snapshot: Snapshot, timestamp: Timestamp };

function describeTargets(files: readonly TargetFile[]): JsonObject {
  return Object.fromEntries(
    files.map(({ path, length, hashes, custom }) => [
      path,
      { length, hashes: { ...hashes }, ...(custom !== undefined && { custom }) },
    ]),
  );
}

async function describeMetadata({ version, bytes }: Metadata): Promise<JsonObject> {
  const { length, hashes } = await describe(bytes);
  return { version, length, hashes: { ...hashes } };
}

function isEqual(a: JsonObject, b: JsonObject): boolean {
  const [left, right] = [canonicalize(a), canonicalize(b)];
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

function hasSigned(metadata: Metadata, signers: readonly Signer[]): boolean {
  return metadata.signatures.size === signers.length && signers.every(({ keyid }) => metadata.signatures.has(keyid));
}

import type { ReleaseSummary, RoleKeys, TrustedRole } from '../messages/messages.js';
import { type Chunks, fileRule, MANIFEST_PATH, parseManifest, type ReleaseManifest } from '../release/manifest.js';
import type { ReleaseRecord } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import { describe, type TargetFile } from '../tuf/file.js';
import { unlessRefused } from '../tuf/refresher.js';
import type { Root, TopLevelRole } from '../tuf/root.js';
import type { Targets } from '../tuf/targets.js';
import { TargetsIndex } from '../tuf/targets-index.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import type { TargetFiles } from './target-files.js';
import { type Download, fileKey } from './verified-files.js';

/** A release whose metadata this life of the worker has verified. Its files are verified one by one, when they are served. */
export interface Release extends ReleaseSummary {
  /** What it is stored and pinned under. */
  readonly key: string;
  readonly record: ReleaseRecord;
  readonly trusted: { readonly [Role in TopLevelRole]: TrustedRole };
  readonly keys: { readonly [Role in TopLevelRole]: RoleKeys };
  readonly targets: TargetFiles;
  readonly manifest: ReleaseManifest;
  readonly consistentSnapshot: boolean;
  /** When its timestamp was signed, in milliseconds since 1970, as far as that says so: the clock of the device is not earlier. */
  readonly signedAt: number;
}

/** The metadata of a release, verified. */
export interface Verified {
  /** Of the release's own day: root, timestamp, snapshot. */
  readonly metadata: TrustedMetadata;
  /** The newest trusted root, which may have come after the release. */
  readonly newest: Root;
  /** The targets metadata, or the index in its place. */
  readonly listing: Targets | TargetsIndex;
}

/**
 * The release that verified metadata pins.
 *
 * @param verified its metadata
 * @param targets the files that it lists
 * @param read reads the release manifest, verified
 * @param key what it is stored under; its id by default
 * @throws `not-found` without a release manifest, and what `read` and `parseManifest` throw
 */
export async function releaseOf(verified: Verified, targets: TargetFiles, read: Download, key?: string): Promise<Release> {
  const manifestFile = await targets.find(MANIFEST_PATH);
  if (!manifestFile) {
    throw new VouchsafeError('not-found', `The signed metadata lists no ${MANIFEST_PATH}, which every release needs.`, {
      path: MANIFEST_PATH,
    });
  }
  const id = await releaseId(verified.metadata);
  const manifest = parseManifest(await read(manifestFile));
  const { count: files, bytes } = targets;
  return { id, key: key ?? id, files, bytes, ...pinnedBy(verified), targets, manifest };
}

/**
 * The signed hashes of a file's chunks.
 *
 * @param manifest of its release
 * @param file one of its files
 * @returns them; undefined for a file that is verified as a whole
 * @throws `malformed` when there is not one for each chunk
 */
export function chunksOf({ chunks }: ReleaseManifest, { path, length }: TargetFile): Chunks | undefined {
  const found = chunks.get(path);
  if (found && Math.ceil(length / found.size) !== found.sha256.length)
    throw new VouchsafeError('malformed', `The release manifest has not one hash for each chunk of ${path}.`, { path });
  return found;
}

/** A release's identity: snapshot version and hash. */
export async function releaseId({ snapshot }: TrustedMetadata): Promise<string> {
  if (!snapshot) throw new VouchsafeError('not-found', 'A release needs a snapshot.');
  const { hashes } = await describe(snapshot.bytes);
  return `${snapshot.version}-${hashes.sha256?.slice(0, 16)}`;
}

/** The same release, pinned by newer metadata, or under a newer root. */
export function renewed(release: Release, verified: Verified): Release {
  const pinned = pinnedBy(verified);
  const { index } = release.record;
  // The snapshot is the same one, and lists the targets metadata that the index is of.
  return { ...release, ...pinned, record: { ...(index && { index }), ...pinned.record } };
}

/** The same release, which the store has the index of. */
export function indexed(release: Release, { bytes }: TargetsIndex): Release {
  return { ...release, record: { ...release.record, index: bytes } };
}

/** A piece of a release that is stored under its own hash: a file, or one of the chunks of a large file. */
export type Piece = TargetFile;

/**
 * The pieces that a file is stored in.
 *
 * @param release the release
 * @param target one of its files
 * @returns its chunks, or the file itself when it has none
 */
export function piecesOf({ manifest }: Release, target: TargetFile): readonly Piece[] {
  const chunks = chunksOf(manifest, target);
  return chunks
    ? chunks.sha256.map((sha256, i) => ({
        path: target.path,
        length: Math.min(chunks.size, target.length - i * chunks.size),
        hashes: { sha256 },
      }))
    : [target];
}

/**
 * The hashes under which a release's files are stored.
 *
 * @param release the release
 * @param isWanted which of its files; by default all that are ever stored
 * @throws what the download of a lost document throws
 */
export async function hashesOf(
  release: Release,
  isWanted = (path: string) => fileRule(release.manifest, path).keep !== 'network-only',
): Promise<string[]> {
  return [...(await release.targets.all()).values()]
    .filter(({ path }) => isWanted(path))
    .flatMap((target) => piecesOf(release, target).map(fileKey));
}

/** Whether a release cannot run without a file. */
export function isRequired({ manifest }: Release, path: string): boolean {
  const { keep, optional } = fileRule(manifest, path);
  return keep === 'precache' && !optional;
}

/** The role of a release that expires first. */
export function firstToExpire({ trusted }: Release): { role: string; version: number; expires: number } {
  const roles = Object.entries(trusted).map(([role, { version, expires }]) => ({ role, version, expires }));
  return roles.reduce((first, next) => (next.expires < first.expires ? next : first));
}

/** Stored root metadata by version. */
type Roots = ReadonlyMap<number, Uint8Array>;

/**
 * Rebuilds the trust in a stored release from the compiled-in root, believing nothing that is stored. Expired metadata is accepted here:
 * whether an expired release may run is the caller's decision.
 *
 * The release was verified under the root of its day, and a root that came since may have replaced the timestamp or snapshot key. That
 * must not take a running app away while the new timestamp has not arrived, so those two are verified under the release's own root; the
 * targets metadata, which alone says what code runs, or its index, which the same keys have signed, is also verified under the newest.
 *
 * @param first the trust in the oldest compiled-in root, verified
 * @param later the compiled-in roots that came after it, oldest first
 * @param stored root metadata from the store, by version
 * @param record the stored release
 * @param loadTargets reads its targets metadata from the store; only asked where there is no index, or not the right one
 * @param now milliseconds since 1970
 * @throws the core's codes
 */
export async function restore(
  first: TrustedMetadata,
  later: readonly Uint8Array[],
  stored: Roots,
  record: ReleaseRecord,
  loadTargets: () => Promise<Uint8Array | undefined>,
  now: number,
): Promise<Verified> {
  const newest = await loadRoots(first.startAgain(now), later, stored, Number.POSITIVE_INFINITY);
  const isOlder = record.rootVersion < newest.root.version;
  const metadata = isOlder ? await loadRoots(first.startAgain(now), later, stored, record.rootVersion) : newest;
  await metadata.loadTimestamp(record.timestamp);
  await metadata.loadSnapshot(record.snapshot);
  const { index } = record;
  const listing =
    (index && (await unlessRefused(() => metadata.verifyIndex(index)))) ??
    (await metadata.loadTargets((await loadTargets()) ?? new Uint8Array()));
  if (isOlder) await newest.root.verify('targets', listing);
  return { metadata, newest: newest.root, listing };
}

async function loadRoots(
  metadata: TrustedMetadata,
  later: readonly Uint8Array[],
  stored: Roots,
  last: number,
): Promise<TrustedMetadata> {
  for (const next of later) if (metadata.root.version < last) await metadata.loadRoot(next);
  while (metadata.root.version < last) {
    const next = stored.get(metadata.root.version + 1);
    if (!next) break;
    try {
      await metadata.loadRoot(next);
    } catch {
      // A damaged root ends the chain here; the next refresh fetches it again.
      break;
    }
  }
  return metadata;
}

type Pinned = Pick<Release, 'record' | 'trusted' | 'keys' | 'consistentSnapshot' | 'signedAt'>;

function pinnedBy({ metadata: { root, timestamp, snapshot }, newest, listing }: Verified): Pinned {
  if (!timestamp || !snapshot) throw new VouchsafeError('not-found', 'A release needs all four top-level roles.');
  return {
    record: {
      rootVersion: root.version,
      timestamp: timestamp.bytes,
      snapshot: snapshot.bytes,
      ...(listing instanceof TargetsIndex && { index: listing.bytes }),
    },
    trusted: { root: summary(newest), timestamp: summary(timestamp), snapshot: summary(snapshot), targets: summary(listing) },
    keys: {
      root: newest.keysOf('root'),
      timestamp: newest.keysOf('timestamp'),
      snapshot: newest.keysOf('snapshot'),
      targets: newest.keysOf('targets'),
    },
    consistentSnapshot: newest.consistentSnapshot,
    signedAt: timestamp.signedAt ?? 0,
  };
}

function summary({ version, expires }: TrustedRole): TrustedRole {
  return { version, expires };
}

import type { ReleaseSummary, RoleKeys, TrustedRole } from '../messages/messages.js';
import { fileRule, MANIFEST_PATH, parseManifest, type ReleaseManifest } from '../release/manifest.js';
import { PACKS_FOLDER } from '../release/packs.js';
import type { ReleaseRecord } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import { describe, type TargetFile } from '../tuf/file.js';
import type { Root, TopLevelRole } from '../tuf/root.js';
import { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { type Download, fileKey } from './verified-files.js';

/** A release whose metadata this life of the worker has verified. Its files are verified one by one, when they are served. */
export interface Release extends ReleaseSummary {
  /** What it is stored and pinned under. */
  readonly key: string;
  readonly record: ReleaseRecord;
  readonly trusted: { readonly [Role in TopLevelRole]: TrustedRole };
  readonly keys: { readonly [Role in TopLevelRole]: RoleKeys };
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly manifest: ReleaseManifest;
  readonly consistentSnapshot: boolean;
  /** When its timestamp was signed, in milliseconds since 1970, as far as that says so: the clock of the device is not earlier. */
  readonly signedAt: number;
}

/**
 * The release that a complete set of trusted metadata pins.
 *
 * @param metadata with all four top-level roles
 * @param newest the newest trusted root, which may have come after the release
 * @param read reads the release manifest, verified
 * @param key what it is stored under; its id by default
 * @throws `not-found` without a release manifest, `malformed` when it has not one hash for each chunk of a file, and what `read` and `parseManifest` throw
 */
export async function releaseOf(metadata: TrustedMetadata, newest: Root, read: Download, key?: string): Promise<Release> {
  const { targets } = complete(metadata);
  const manifestFile = targets.files.get(MANIFEST_PATH);
  if (!manifestFile) {
    throw new VouchsafeError('not-found', `The signed metadata lists no ${MANIFEST_PATH}, which every release needs.`, {
      path: MANIFEST_PATH,
    });
  }
  // What is in the packs is counted already.
  const files = [...targets.files.values()].filter(({ path }) => !path.startsWith(PACKS_FOLDER));
  const id = await releaseId(metadata);
  const manifest = parseManifest(await read(manifestFile));
  for (const [path, { size, sha256 }] of manifest.chunks) {
    const file = targets.files.get(path);
    if (file && Math.ceil(file.length / size) !== sha256.length)
      throw new VouchsafeError('malformed', `The release manifest has not one hash for each chunk of ${path}.`, { path });
  }
  return {
    id,
    key: key ?? id,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.length, 0),
    ...pinnedBy(metadata, newest),
    targets: targets.files,
    manifest,
  };
}

/** A release's identity: snapshot version and hash. */
export async function releaseId(metadata: TrustedMetadata): Promise<string> {
  const { snapshot } = complete(metadata);
  const { hashes } = await describe(snapshot.bytes);
  return `${snapshot.version}-${hashes.sha256?.slice(0, 16)}`;
}

/** The same release, pinned by newer metadata, or under a newer root. */
export function renewed(release: Release, metadata: TrustedMetadata, newest = metadata.root): Release {
  return { ...release, ...pinnedBy(metadata, newest) };
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
  const chunks = manifest.chunks.get(target.path);
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
 */
export function hashesOf(
  release: Release,
  isWanted = (path: string) => fileRule(release.manifest, path).keep !== 'network-only',
): string[] {
  return [...release.targets.values()]
    .filter(({ path }) => isWanted(path))
    .flatMap((target) => piecesOf(release, target).map(fileKey));
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
 * targets metadata, which alone says what code runs, is also verified under the newest.
 *
 * @param roots the compiled-in root metadata, oldest first
 * @param stored root metadata from the store, by version
 * @param record the stored release
 * @param now milliseconds since 1970
 * @returns metadata with all four top-level roles, and the newest root
 * @throws the core's codes
 */
export async function restore(
  roots: readonly Uint8Array[],
  stored: Roots,
  record: ReleaseRecord,
  now: number,
): Promise<{ metadata: TrustedMetadata; newest: Root }> {
  const newest = await loadRoots(roots, stored, now, Number.POSITIVE_INFINITY);
  const isOlder = record.rootVersion < newest.root.version;
  const metadata = isOlder ? await loadRoots(roots, stored, now, record.rootVersion) : newest;
  await metadata.loadTimestamp(record.timestamp);
  await metadata.loadSnapshot(record.snapshot);
  const targets = await metadata.loadTargets(record.targets);
  if (isOlder) await newest.root.verify('targets', targets);
  return { metadata, newest: newest.root };
}

async function loadRoots(roots: readonly Uint8Array[], stored: Roots, now: number, last: number): Promise<TrustedMetadata> {
  const [first = new Uint8Array(), ...later] = roots;
  const metadata = await TrustedMetadata.fromRoot(first, now);
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

function complete({ root, timestamp, snapshot, targets }: TrustedMetadata) {
  if (!timestamp || !snapshot || !targets) throw new VouchsafeError('not-found', 'A release needs all four top-level roles.');
  return { root, timestamp, snapshot, targets };
}

type Pinned = Pick<Release, 'record' | 'trusted' | 'keys' | 'consistentSnapshot' | 'signedAt'>;

function pinnedBy(metadata: TrustedMetadata, newest: Root): Pinned {
  const { root, timestamp, snapshot, targets } = complete(metadata);
  return {
    record: { rootVersion: root.version, timestamp: timestamp.bytes, snapshot: snapshot.bytes, targets: targets.bytes },
    trusted: { root: summary(newest), timestamp: summary(timestamp), snapshot: summary(snapshot), targets: summary(targets) },
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

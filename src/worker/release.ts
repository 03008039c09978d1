import type { ReleaseSummary, TrustedRole } from '../messages/messages.js';
import { MANIFEST_PATH, parseManifest, type ReleaseManifest } from '../release/manifest.js';
import type { ReleaseRecord, StoredState } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import { describe, type TargetFile } from '../tuf/file.js';
import type { Root } from '../tuf/root.js';
import { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { type Download, fileKey } from './verified-files.js';

/** A release whose metadata this life of the worker has verified. Its files are verified one by one, when they are served. */
export interface Release extends ReleaseSummary {
  readonly record: ReleaseRecord;
  readonly trusted: {
    readonly root: TrustedRole;
    readonly timestamp: TrustedRole;
    readonly snapshot: TrustedRole;
    readonly targets: TrustedRole;
  };
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly manifest: ReleaseManifest;
  readonly consistentSnapshot: boolean;
}

/**
 * The release that a complete set of trusted metadata pins.
 *
 * @param metadata with all four top-level roles
 * @param newest the newest trusted root, which may have come after the release
 * @param read reads the release manifest, verified
 * @throws `not-found` without a release manifest, and what `read` and `parseManifest` throw
 */
export async function releaseOf(metadata: TrustedMetadata, newest: Root, read: Download): Promise<Release> {
  const { targets } = complete(metadata);
  const manifestFile = targets.files.get(MANIFEST_PATH);
  if (!manifestFile) {
    throw new VouchsafeError('not-found', `The signed metadata lists no ${MANIFEST_PATH}, which every release needs.`, {
      path: MANIFEST_PATH,
    });
  }
  const files = [...targets.files.values()];
  return {
    id: await releaseId(metadata),
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.length, 0),
    ...pinnedBy(metadata, newest),
    targets: targets.files,
    manifest: parseManifest(await read(manifestFile)),
  };
}

/** A release's identity: snapshot version and hash. */
export async function releaseId(metadata: TrustedMetadata): Promise<string> {
  const { snapshot } = complete(metadata);
  const { hashes } = await describe(snapshot.bytes);
  return `${snapshot.version}-${hashes.sha256?.slice(0, 16)}`;
}

/** The same release, pinned by newer metadata. */
export function renewed(release: Release, metadata: TrustedMetadata): Release {
  return { ...release, ...pinnedBy(metadata, metadata.root) };
}

/** The hashes under which a release's files are stored. */
export function hashesOf(release: Release): Set<string> {
  return new Set(Array.from(release.targets.values(), fileKey));
}

/** The role of a release that expires first. */
export function firstToExpire({ trusted }: Release): { role: string; version: number; expires: number } {
  const roles = Object.entries(trusted).map(([role, { version, expires }]) => ({ role, version, expires }));
  return roles.reduce((first, next) => (next.expires < first.expires ? next : first));
}

/**
 * Rebuilds the trust in a stored release from the compiled-in root, believing nothing that is stored. Expired metadata is accepted here:
 * whether an expired release may run is the caller's decision.
 *
 * The release was verified under the root of its day, and a root that came since may have replaced the timestamp or snapshot key. That
 * must not take a running app away while the new timestamp has not arrived, so those two are verified under the release's own root; the
 * targets metadata, which alone says what code runs, is also verified under the newest.
 *
 * @param roots the compiled-in root metadata, oldest first
 * @param state what is stored
 * @param record the release in it
 * @param now milliseconds since 1970
 * @returns metadata with all four top-level roles, and the newest root
 * @throws the core's codes
 */
export async function restore(
  roots: readonly Uint8Array[],
  state: StoredState,
  record: ReleaseRecord,
  now: number,
): Promise<{ metadata: TrustedMetadata; newest: Root }> {
  const newest = await loadRoots(roots, state, now, Number.POSITIVE_INFINITY);
  const isOlder = record.rootVersion < newest.root.version;
  const metadata = isOlder ? await loadRoots(roots, state, now, record.rootVersion) : newest;
  await metadata.loadTimestamp(record.timestamp);
  await metadata.loadSnapshot(record.snapshot);
  const targets = await metadata.loadTargets(record.targets);
  if (isOlder) await newest.root.verify('targets', targets);
  return { metadata, newest: newest.root };
}

async function loadRoots(roots: readonly Uint8Array[], state: StoredState, now: number, last: number): Promise<TrustedMetadata> {
  const [first = new Uint8Array(), ...later] = roots;
  const metadata = await TrustedMetadata.fromRoot(first, now);
  for (const next of later) if (metadata.root.version < last) await metadata.loadRoot(next);
  while (metadata.root.version < last) {
    const next = state.roots.get(metadata.root.version + 1);
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

function pinnedBy(metadata: TrustedMetadata, newest: Root): Pick<Release, 'record' | 'trusted' | 'consistentSnapshot'> {
  const { root, timestamp, snapshot, targets } = complete(metadata);
  return {
    record: { rootVersion: root.version, timestamp: timestamp.bytes, snapshot: snapshot.bytes, targets: targets.bytes },
    trusted: { root: summary(newest), timestamp: summary(timestamp), snapshot: summary(snapshot), targets: summary(targets) },
    consistentSnapshot: newest.consistentSnapshot,
  };
}

function summary({ version, expires }: TrustedRole): TrustedRole {
  return { version, expires };
}

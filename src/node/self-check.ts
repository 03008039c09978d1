import { join } from 'node:path';
import { MANIFEST_PATH, parseManifest } from '../release/manifest.js';
import { isIndexedByName, type Pack, packsOf } from '../release/packs.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type FileDigest, inWords, type TargetFile } from '../tuf/file.js';
import { indexDocument, indexTargets } from '../tuf/targets-index.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { Updater } from '../tuf/updater.js';
import { describeFile, isDescribedBy } from './describe-file.js';
import { describeRefusal } from './describe-refusal.js';
import { bytesOf, type PreviousRelease } from './previous-release.js';
import { isSystemError, PublisherError } from './publisher-error.js';
import { directoryFetch, METADATA_URL, MemoryStore, TARGETS_URL, targetFile } from './repository-directory.js';

/** What is about to become visible. */
export interface Candidate {
  /** Folder with `metadata/` and `targets/`. */
  readonly repository: string;
  /** Files that are not written yet, by path under the folder. */
  readonly pending: ReadonlyMap<string, Uint8Array>;
  /** The first root, which the oldest client in the field has. */
  readonly root: Uint8Array;
  /** What the release holds. */
  readonly targets: readonly TargetFile[];
  /** Targets that no earlier check has read. */
  readonly changed: readonly TargetFile[];
}

/**
 * Lets two clients update to a release before anybody can see it: one that has never been here, and one at the previous release. They are
 * `Updater`, with the same rules as the worker's client, reading the folder that will be deployed. The files that are new in it are read again from where a
 * client finds them, as they were written.
 *
 * @param candidate the release
 * @param previous what the second client has, if there is a previous release
 * @param now clock in milliseconds since 1970
 * @param onChecked told after each changed target that was read
 * @throws `self-check` with the client's reason
 */
export async function selfCheck(
  candidate: Candidate,
  previous: PreviousRelease | undefined,
  now: () => number,
  onChecked: (bytes: number) => void,
): Promise<void> {
  const fetch = directoryFetch(candidate.repository, candidate.pending);
  const client = (store: MemoryStore): Updater =>
    new Updater({
      root: candidate.root,
      store,
      fetch,
      metadataUrl: METADATA_URL,
      targetsUrl: TARGETS_URL,
      now,
      // What a folder answers once it answers again.
      hasHttpCache: false,
    });
  try {
    if (previous !== undefined) await accept(client(storeOf(previous)), candidate.targets);
    const fresh = client(new MemoryStore());
    await checkIndex(await accept(fresh, candidate.targets));
    const packs = await packsSeenBy(fresh, candidate.targets);
    for (const target of candidate.changed) {
      const pack = packs.get(target.path);
      // The whole way of a download once: every client begins with this one. A client holds a target in memory while it checks it, and takes ten
      // times as long for a small one as reading does, so of the others the file is compared.
      if (pack) await checkPack(pack, await fresh.downloadTarget(target));
      else if (target.path === MANIFEST_PATH) await fresh.downloadTarget(target);
      else checkTarget(candidate.repository, target);
      onChecked(target.length);
    }
  } catch (error) {
    if (!(error instanceof VouchsafeError)) throw error;
    throw new PublisherError(
      'self-check',
      `The release was not made visible, because a client would refuse it: ${describeRefusal(error)}`,
      error,
    );
  }
}

/** What `checkFile` asks of a download, in as much memory for a large file as for a small one. */
function checkTarget(repository: string, target: TargetFile): void {
  const actual = digestIn(join(repository, 'targets', targetFile(target)));
  if (actual !== undefined && isDescribedBy(actual, target)) return;
  throw new VouchsafeError('mismatch', `${target.path} is not the one that was signed.`, {
    path: target.path,
    expected: inWords(target),
    actual: actual === undefined ? 'no file' : inWords(actual),
  });
}

function digestIn(file: string): FileDigest | undefined {
  try {
    return describeFile(file);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR') || isSystemError(error, 'EISDIR')) return undefined;
    throw error;
  }
}

async function accept(client: Updater, targets: readonly TargetFile[]): Promise<TrustedMetadata> {
  const metadata = await client.refresh();
  const { targets: trusted } = metadata;
  if (trusted?.files.size !== targets.length) {
    throw new VouchsafeError('mismatch', 'A client sees another list of files.', {
      expected: `${targets.length} files`,
      actual: `${trusted?.files.size} files`,
    });
  }
  for (const target of targets) {
    const found = await client.findTarget(target.path);
    if (found === undefined) throw new VouchsafeError('not-found', 'A client does not find a file.', { path: target.path });
    if (found.length !== target.length || found.hashes.sha256 !== target.hashes.sha256) {
      throw new VouchsafeError('mismatch', 'A client finds another version of a file.', { path: target.path });
    }
  }
  return metadata;
}

/** A client that refuses the index says nothing, and takes its time at each start. */
async function checkIndex(trusted: TrustedMetadata): Promise<void> {
  const { targets } = trusted;
  const { indexSignatures } = trusted.listed('targets');
  if (!targets || !indexSignatures)
    throw new VouchsafeError('unsigned', 'The snapshot has no signatures of the index.', { role: 'targets' });
  await trusted.verifyIndex(indexDocument((await indexTargets(targets, isIndexedByName)).signed, indexSignatures));
}

/** As a worker finds them: in what the client trusts, and nothing else. */
async function packsSeenBy(client: Updater, targets: readonly TargetFile[]): Promise<Map<string, Pack>> {
  const target = await client.findTarget(MANIFEST_PATH);
  if (!target) return new Map();
  const manifest = parseManifest(await client.downloadTarget(target));
  return new Map(packsOf(manifest, targets).map((pack) => [pack.path, pack]));
}

/** A worker takes each file in it by its own hash. */
async function checkPack({ path, files }: Pack, bytes: Uint8Array): Promise<void> {
  let end = 0;
  for (const file of files) {
    end += file.length;
    await checkFile(bytes.subarray(end - file.length, end), file, { path });
  }
}

function storeOf(release: PreviousRelease): MemoryStore {
  return new MemoryStore(release.roots, new Map(Object.entries(bytesOf(release))));
}

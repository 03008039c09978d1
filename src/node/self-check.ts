import { INDEXED_BY_NAME } from '../release/manifest.js';
import type { MetadataFile } from '../repository/release.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import { indexName, indexTargets } from '../tuf/targets-index.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { Updater } from '../tuf/updater.js';
import { describeRefusal } from './describe-refusal.js';
import { bytesOf, type PreviousRelease } from './previous-release.js';
import { PublisherError } from './publisher-error.js';
import { directoryFetch, METADATA_URL, MemoryStore, TARGETS_URL } from './repository-directory.js';

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
  /** The index of its targets metadata. */
  readonly index: MetadataFile;
  /** Targets that no earlier check has read. */
  readonly changed: readonly TargetFile[];
}

/**
 * Lets two clients update to a release before anybody can see it: one that has never been here, and one at the previous release. They are
 * the same `Updater` that runs in the worker, reading the folder that will be deployed.
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
    await checkIndex(candidate.index, await accept(fresh, candidate.targets));
    // One at a time: a client holds a target in memory while it checks it.
    for (const target of candidate.changed) {
      await fresh.downloadTarget(target);
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
async function checkIndex({ name, bytes }: MetadataFile, trusted: TrustedMetadata): Promise<void> {
  const index = await trusted.verifyIndex(bytes);
  const { targets } = trusted;
  const isRight =
    targets && name === indexName(index.targets) && index.says((await indexTargets(targets, INDEXED_BY_NAME)).content);
  if (!isRight)
    throw new VouchsafeError('mismatch', 'The index does not list what the targets metadata lists.', { role: 'targets' });
}

function storeOf(release: PreviousRelease): MemoryStore {
  return new MemoryStore(release.roots, new Map(Object.entries(bytesOf(release))));
}

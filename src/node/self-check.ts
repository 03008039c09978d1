import { MANIFEST_PATH, parseManifest } from '../release/manifest.js';
import { type Pack, packsOf } from '../release/packs.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
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
    await accept(fresh, candidate.targets);
    const packs = await packsSeenBy(fresh, candidate.targets);
    // One at a time: a client holds a target in memory while it checks it.
    for (const target of candidate.changed) {
      const bytes = await fresh.downloadTarget(target);
      const pack = packs.get(target.path);
      if (pack) await checkPack(pack, bytes);
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

async function accept(client: Updater, targets: readonly TargetFile[]): Promise<void> {
  const { targets: trusted } = await client.refresh();
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

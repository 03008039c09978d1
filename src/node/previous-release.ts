import { join } from 'node:path';
import type { ReleaseMetadata } from '../repository/release.js';
import { VouchsafeError } from '../tuf/errors.js';
import { metadataName } from '../tuf/layout.js';
import type { Snapshot } from '../tuf/snapshot.js';
import type { Targets } from '../tuf/targets.js';
import type { Timestamp } from '../tuf/timestamp.js';
import { TrustedMetadata } from '../tuf/trusted-metadata.js';
import type { Project } from './project.js';
import { PublisherError } from './publisher-error.js';
import { namesIn, readIfPresent, readRoots } from './repository-directory.js';

/** The release that is in the output folder, as a client trusts it. */
export interface PreviousRelease {
  readonly timestamp: Timestamp;
  readonly snapshot: Snapshot;
  readonly targets: Targets;
  /** Root versions that a client of that release has, by version. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
}

/**
 * Reads the release that the output folder holds, with a client's checks except expiry: a release that has expired is what a publish
 * renews. Without these checks a tampered folder would be signed onwards.
 *
 * @param metadata absolute path of the metadata folder
 * @param project the open project
 * @param now milliseconds since 1970
 * @returns the release, or undefined when nothing was published there yet
 * @throws `bad-output` when it is another project's, tampered with, or incomplete
 */
export async function readPreviousRelease(metadata: string, project: Project, now: number): Promise<PreviousRelease | undefined> {
  const roots = await readRoots(metadata);
  const timestamp = await readIfPresent(join(metadata, metadataName('timestamp')));
  if (timestamp === undefined) {
    await checkNothingPublished(metadata);
    return undefined;
  }
  const first = roots.get(1);
  if (first === undefined) throw damaged(metadata, '1.root.json is missing');
  for (const [version, bytes] of roots) checkOwnRoot(version, bytes, metadata, project);
  try {
    return await newestSigned(metadata, roots, first, timestamp, now);
  } catch (error) {
    if (error instanceof VouchsafeError) throw damaged(metadata, error.message.replace(/\.$/, ''), error);
    throw error;
  }
}

/**
 * The roots can be newer than what signed the release: a publish writes them before the timestamp, and may be stopped in between. So the
 * newest root that vouches for the whole release counts; `nextRelease` then signs anew what the project's newest root has other keys for.
 */
async function newestSigned(
  metadata: string,
  roots: ReadonlyMap<number, Uint8Array>,
  first: Uint8Array,
  timestamp: Uint8Array,
  now: number,
): Promise<PreviousRelease> {
  let refusal: VouchsafeError | undefined;
  for (let newest = roots.size; newest > 0; newest--) {
    const upTo = new Map([...roots].filter(([version]) => version <= newest));
    try {
      return await load(metadata, upTo, first, timestamp, now);
    } catch (error) {
      // Only a missing signature can be another root's matter.
      if (!(error instanceof VouchsafeError) || error.code !== 'unsigned') throw error;
      // What the newest root has to say is what the person who publishes can act on.
      refusal ??= error;
    }
  }
  throw refusal;
}

async function load(
  metadata: string,
  roots: ReadonlyMap<number, Uint8Array>,
  first: Uint8Array,
  timestampBytes: Uint8Array,
  now: number,
): Promise<PreviousRelease> {
  const trusted = await TrustedMetadata.fromRoot(first, now);
  for (const [version, bytes] of roots) if (version > 1) await trusted.loadRoot(bytes);
  const timestamp = await trusted.loadTimestamp(timestampBytes);
  const snapshot = await trusted.loadSnapshot(await read(metadata, metadataName('snapshot', timestamp.snapshot.version)));
  const targets = await trusted.loadTargets(await read(metadata, metadataName('targets', snapshot.metaFile('targets').version)));
  return { timestamp, snapshot, targets, roots };
}

/**
 * @param release the release
 * @returns its metadata as signed, without the roots
 */
export function bytesOf({ timestamp, snapshot, targets }: PreviousRelease): ReleaseMetadata {
  return { timestamp: timestamp.bytes, snapshot: snapshot.bytes, targets: targets.bytes };
}

function checkOwnRoot(version: number, bytes: Uint8Array, metadata: string, project: Project): void {
  const own = project.roots.get(version);
  if (own !== undefined && Buffer.from(own).equals(bytes)) return;
  if (version === 1) {
    throw new PublisherError(
      'bad-output',
      `${metadata} was published with another project's keys than ${project.name}; choose another --out or the right --project.`,
    );
  }
  const problem = own === undefined ? `is not in ${project.name}/root` : `is not the one in ${project.name}/root`;
  throw new PublisherError(
    'bad-output',
    `${metadata}/${version}.root.json ${problem}; bring the project folder up to date before publishing.`,
  );
}

/** Without a timestamp there is no release. A first publish that was interrupted leaves version 1 behind; anything later was a release. */
async function checkNothingPublished(metadata: string): Promise<void> {
  const later = (await namesIn(metadata)).find((name) => /^\d+\.(snapshot|targets)\.json$/.test(name) && !name.startsWith('1.'));
  if (later !== undefined) throw damaged(metadata, `timestamp.json is missing, but there is ${later}`);
}

async function read(metadata: string, name: string): Promise<Uint8Array> {
  const bytes = await readIfPresent(join(metadata, name));
  if (bytes === undefined) throw damaged(metadata, `${name} is missing`);
  return bytes;
}

function damaged(metadata: string, what: string, cause?: unknown): PublisherError {
  const advice = 'restore the folder from what is deployed, because clients refuse a release that does not follow the last one';
  return new PublisherError('bad-output', `The previous release in ${metadata} cannot be trusted (${what}); ${advice}.`, cause);
}

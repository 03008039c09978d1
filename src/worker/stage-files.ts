import type { Progress } from '../messages/messages.js';
import { fileRule } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { type Piece, piecesOf, type Release } from './release.js';
import { fileKey } from './verified-files.js';

/** Downloads under way at once: what a browser opens to one HTTP/1.1 server. */
const CONNECTIONS = 6;
/** Pages are told of progress at most this often, in milliseconds. */
const PROGRESS_EVERY = 50;
/** Bytes that are stored together: one record is read faster than many. A killed worker loses no more than this. */
const PACK = 2 ** 22;

/** The pieces of a file that was checked as a whole. @throws `mismatch` when the signers signed other pieces than the file's */
async function cut(bytes: Uint8Array, pieces: readonly Piece[]): Promise<(readonly [Piece, Uint8Array])[]> {
  const parts: (readonly [Piece, Uint8Array])[] = [];
  let start = 0;
  for (const piece of pieces) {
    parts.push([piece, bytes.subarray(start, start + piece.length)]);
    start += piece.length;
  }
  await Promise.all(parts.map(([piece, part]) => checkFile(part, piece, { path: piece.path })));
  return parts;
}

/** Where files come from and go to. */
export interface Staging {
  /** The hashes of everything that is stored. */
  storedHashes(): Promise<ReadonlySet<string>>;
  /** Gets a file that is kept in a second place too, checked, from where it can be kept there; undefined for all others, and when it does not come from there. */
  downloadCopy(file: TargetFile): Promise<Uint8Array | undefined>;
  /** Gets a file, checked. */
  download(file: TargetFile): Promise<Uint8Array>;
  /** Gets some of the chunks of a large file one after the other, checked. */
  downloadPieces(file: TargetFile, pieces: readonly Piece[]): AsyncIterable<readonly [Piece, Uint8Array]>;
  /** Stores them. @throws `quota` when there is no room left and none can be made */
  save(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Told of an optional file that did not come; the release goes on without it. */
  onMissing(error: unknown): void;
  onProgress(progress: Progress): void;
}

/**
 * Stores what a release needs before it can run and what is not stored yet. What a killed worker had stored is not downloaded again.
 *
 * @param release whose files
 * @param staging where they come from and go to
 * @throws what the first failing download of a required file, or a write, throws; no further download starts then
 */
export async function stageFiles(release: Release, staging: Staging): Promise<void> {
  const stored = await staging.storedHashes();
  const needed = [...release.targets.values()].filter(({ path }) => fileRule(release.manifest, path).keep === 'precache');
  const jobs = new Map<string, { file: TargetFile; missing: readonly Piece[] }>();
  let totalBytes = 0;
  for (const file of needed) {
    if (jobs.has(fileKey(file))) continue;
    jobs.set(fileKey(file), { file, missing: piecesOf(release, file).filter((piece) => !stored.has(fileKey(piece))) });
    totalBytes += file.length;
  }
  const waiting = [...jobs.values()].filter(({ missing }) => missing.length > 0);
  const progress = {
    files: jobs.size - waiting.length,
    totalFiles: jobs.size,
    bytes: totalBytes - waiting.flatMap(({ missing }) => missing).reduce((sum, { length }) => sum + length, 0),
    totalBytes,
  };
  let told = 0;
  const tell = () => {
    const now = Date.now();
    if (now - told < PROGRESS_EVERY && progress.files < progress.totalFiles) return;
    told = now;
    staging.onProgress({ ...progress });
  };
  tell();

  let pack = new Map<string, Uint8Array>();
  let packed = 0;
  const flush = async () => {
    const full = pack;
    pack = new Map();
    packed = 0;
    if (full.size > 0) await staging.save(full);
  };
  const take = async (piece: Piece, bytes: Uint8Array) => {
    pack.set(fileKey(piece), bytes);
    packed += bytes.length;
    progress.bytes += bytes.length;
    if (packed >= PACK) await flush();
    tell();
  };
  const get = async ({ file, missing }: (typeof waiting)[number]) => {
    // Of a file that is here in part the rest is less than the whole.
    const isNew = missing.length === piecesOf(release, file).length;
    const copy = isNew ? await staging.downloadCopy(file) : undefined;
    if (missing[0] === file) return take(file, copy ?? (await staging.download(file)));
    if (copy) {
      // A record of its own: it is read only when the copy is lost, and the page need not wait for it.
      await staging.save(new Map((await cut(copy, missing)).map(([piece, bytes]) => [fileKey(piece), bytes])));
      progress.bytes += copy.length;
      return tell();
    }
    for await (const [piece, bytes] of staging.downloadPieces(file, missing)) await take(piece, bytes);
  };

  let isFailed = false;
  const work = async () => {
    for (let job = waiting.shift(); job && !isFailed; job = waiting.shift()) {
      try {
        await get(job);
      } catch (error) {
        // A full disk, or a broken one, is not the fault of this file.
        const isOurs = error instanceof VouchsafeError && error.code !== 'quota' && error.code !== 'storage';
        if (!isOurs || !fileRule(release.manifest, job.file.path).optional) {
          isFailed = true;
          throw error;
        }
        staging.onMissing(error);
      }
      progress.files++;
      tell();
    }
  };
  // All of them end before this does: a download that outlived a failed update would store files that nobody asks for.
  const ended = await Promise.allSettled(Array.from({ length: CONNECTIONS }, work));
  // Also after a failure: what came is right, and need not come again.
  await flush();
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

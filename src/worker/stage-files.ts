import type { Progress } from '../messages/messages.js';
import { contentTypeOf, fileRule } from '../release/manifest.js';
import type { Pack } from '../release/packs.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { type Batch, packsFor } from './pack-download.js';
import { type Piece, piecesOf, type Release } from './release.js';
import { fileKey } from './verified-files.js';

/** Downloads under way at once: what a browser opens to one HTTP/1.1 server. */
const CONNECTIONS = 6;
/** Pages are told of progress at most this often, in milliseconds. */
const PROGRESS_EVERY = 50;
/** Bytes of one kind that are stored together: one record is read faster than many. A killed worker loses no more than this of each. */
const PACK = 2 ** 22;
/** Bytes. Whoever wants another file should not have to read one as large as this with it. */
const ALONE = 2 ** 20;

/** What is stored together is read together. A page that opens is waited for before all that it asks for, and of large files little is wanted at once. */
type Kind = 'page' | 'file' | 'piece';

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

/** Files, or chunks of large ones. */
type Contents = 'files' | 'chunks';

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
  /** Gets what is missing from packs, as far as it comes, checked. */
  downloadPacks(packs: readonly Pack[], missing: ReadonlySet<string>): AsyncIterable<Batch>;
  /** Stores them. @throws `quota` when there is no room left and none can be made */
  save(files: ReadonlyMap<string, Uint8Array>, what: Contents): Promise<void>;
  /** Stores them if there is room: nothing is given away for what no release needs. @throws `quota` */
  saveOptional(files: ReadonlyMap<string, Uint8Array>, what: Contents): Promise<void>;
  /** Told of an optional file that did not come, or that there is no room for more of them; the release goes on without. */
  onMissing(error: unknown): void;
  onProgress(progress: Progress): void;
}

/** Which files: those that a release does not run without, and the other ones. */
export type Pass = 'required' | 'optional';
export const PASSES: readonly Pass[] = ['required', 'optional'];

/** One of the files to store. */
interface Job {
  readonly file: TargetFile;
  readonly missing: readonly Piece[];
  /** Required as soon as one of those that have these bytes is. */
  pass: Pass;
}

/**
 * Stores what a release needs before it can run and what is not stored yet. What a killed worker had stored is not downloaded again.
 * The required files are stored before an optional one is asked for: on a disk that is almost full these must not take the room of those.
 *
 * @param release whose files
 * @param staging where they come from and go to
 * @param passes which of its files
 * @throws what the first failing download of a required file, or a write, throws; no further download starts then
 */
export async function stageFiles(release: Release, staging: Staging, passes = PASSES): Promise<void> {
  const stored = await staging.storedHashes();
  const jobs = new Map<string, Job>();
  let totalBytes = 0;
  for (const file of (await release.targets.all()).values()) {
    const { keep, optional } = fileRule(release.manifest, file.path);
    if (keep !== 'precache') continue;
    const pass = optional ? 'optional' : 'required';
    const known = jobs.get(fileKey(file));
    if (known) {
      if (pass === 'required') known.pass = pass;
      continue;
    }
    jobs.set(fileKey(file), { file, missing: piecesOf(release, file).filter((piece) => !stored.has(fileKey(piece))), pass });
    totalBytes += file.length;
  }
  const lacking = [...jobs.values()].filter(({ missing }) => missing.length > 0);
  const progress = {
    files: jobs.size - lacking.length,
    totalFiles: jobs.size,
    bytes: totalBytes - lacking.flatMap(({ missing }) => missing).reduce((sum, { length }) => sum + length, 0),
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

  const store = async (waiting: Job[], save: Staging['save']) => {
    const packs = new Map<Kind, { readonly files: Map<string, Uint8Array>; size: number }>();
    const flush = async (kind: Kind) => {
      const full = packs.get(kind);
      packs.delete(kind);
      if (full) await save(full.files, kind === 'piece' ? 'chunks' : 'files');
    };
    const take = async (file: TargetFile, piece: Piece, bytes: Uint8Array) => {
      progress.bytes += bytes.length;
      if (bytes.length >= ALONE) await save(new Map([[fileKey(piece), bytes]]), piece === file ? 'files' : 'chunks');
      else {
        const isPage = contentTypeOf(release.manifest, file.path).startsWith('text/html');
        const kind = piece !== file ? 'piece' : isPage ? 'page' : 'file';
        const pack = packs.get(kind) ?? { files: new Map<string, Uint8Array>(), size: 0 };
        packs.set(kind, pack);
        pack.files.set(fileKey(piece), bytes);
        pack.size += bytes.length;
        if (pack.size >= PACK) await flush(kind);
      }
      tell();
    };
    const get = async ({ file, missing }: Job) => {
      // Of a file that is here in part the rest is less than the whole.
      const isNew = missing.length === piecesOf(release, file).length;
      const copy = isNew ? await staging.downloadCopy(file) : undefined;
      if (missing[0] === file) return take(file, file, copy ?? (await staging.download(file)));
      if (copy) {
        // A record of its own: it is read only when the copy is lost, and the page need not wait for it.
        await save(new Map((await cut(copy, missing)).map(([piece, bytes]) => [fileKey(piece), bytes])), 'chunks');
        progress.bytes += copy.length;
        return tell();
      }
      for await (const [piece, bytes] of staging.downloadPieces(file, missing)) await take(file, piece, bytes);
    };

    const missing = new Map(waiting.map((job) => [fileKey(job.file), job]));
    const downloads = await packsFor(release, new Set(missing.keys()));
    const inPacks = new Set(downloads.flatMap(({ files }) => files.map(fileKey)));
    const oneByOne = waiting.filter(({ file }) => !inPacks.has(fileKey(file)));
    let isFailed = false;
    const end = (file: TargetFile) => {
      missing.delete(fileKey(file));
      progress.files++;
      tell();
    };
    const unpack = async () => {
      try {
        for await (const batch of downloads.length > 0 ? staging.downloadPacks(downloads, new Set(missing.keys())) : []) {
          for (const [file, bytes] of batch) {
            await take(file, file, bytes);
            end(file);
          }
          if (isFailed) return;
        }
      } catch (error) {
        isFailed = true;
        throw error;
      }
    };
    const work = async () => {
      for (let job = oneByOne.shift(); job && !isFailed; job = oneByOne.shift()) {
        try {
          await get(job);
        } catch (error) {
          // A full disk, or a broken one, is not the fault of this file.
          const isOurs = error instanceof VouchsafeError && error.code !== 'quota' && error.code !== 'storage';
          if (!isOurs || job.pass === 'required') {
            isFailed = true;
            throw error;
          }
          staging.onMissing(error);
        }
        end(job.file);
      }
    };
    const works = () => Array.from({ length: CONNECTIONS }, work);
    // All of them end before this does: a download that outlived a failed update would store files that nobody asks for.
    const ended = await Promise.allSettled([unpack(), ...works()]);
    // What should have come in packs, and did not.
    oneByOne.push(...[...missing.values()].filter(({ file }) => inPacks.has(fileKey(file))));
    ended.push(...(await Promise.allSettled(works())));
    // Also after a failure: what came is right, and need not come again.
    ended.push(...(await Promise.allSettled([...packs.keys()].map(flush))));
    for (const result of ended) if (result.status === 'rejected') throw result.reason;
  };
  const of = (pass: Pass) => (passes.includes(pass) ? lacking.filter((job) => job.pass === pass) : []);
  await store(of('required'), (files, what) => staging.save(files, what));
  try {
    await store(of('optional'), (files, what) => staging.saveOptional(files, what));
  } catch (error) {
    if (!(error instanceof VouchsafeError) || error.code !== 'quota') throw error;
    staging.onMissing(error);
  }
}

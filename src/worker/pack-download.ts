import { FIRST_PACK, type Pack, packsOf } from '../release/packs.js';
import type { FetchFunction } from '../tuf/download.js';
import { RangeDownload } from '../tuf/download-range.js';
import { type VouchsafeError, withFacts } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { targetLocation } from '../tuf/layout.js';
import { DEFAULT_LIMITS } from '../tuf/limits.js';
import type { Release } from './release.js';
import { fileKey } from './verified-files.js';

/** A pack is downloaded when at least so many of its files are missing. As they come six at a time otherwise, it is worth four turns. */
const FILES = 24;
/** The share of a pack that is downloaded again, at most. */
const AGAIN = 1 / 4;
/** Bytes that are read, and then hashed, at once. Twice that is in memory: one batch is read while the other is stored. */
const BATCH = 2 ** 19;

/** Where packs come from. */
export interface PackPorts {
  /** How to ask for the bytes of a pack from a position on; one for each server, in the order to ask them. None is trusted. */
  readonly servers: readonly ((pack: Pack, start: number) => RangeDownload)[];
  /** Told of a server that did not send what was signed. What it was asked for comes from another, or file by file. */
  onFailure(error: unknown): void;
}

/**
 * The servers that have a release's packs.
 *
 * @param release with packs
 * @param folders absolute URLs of the targets folder, with a trailing slash
 * @param fetch how to ask
 */
export function serversOf({ targets }: Release, folders: readonly string[], fetch: FetchFunction): PackPorts['servers'] {
  return folders.map((folder) => (pack, start) => {
    const url = folder + targetLocation(targets.named(pack.path) as TargetFile, true);
    return new RangeDownload(fetch, url, start, undefined, DEFAULT_LIMITS, 'default');
  });
}

/** Files that came together, each with its bytes, checked. */
export type Batch = readonly (readonly [file: TargetFile, bytes: Uint8Array])[];

/**
 * The packs that are cheaper than the files in them one by one.
 *
 * @param release that may have packs
 * @param missing the hashes of its files that are not stored
 */
export async function packsFor({ manifest, targets, consistentSnapshot }: Release, missing: ReadonlySet<string>): Promise<Pack[]> {
  // An update with a few changed files costs nothing here. Under a name without a hash there may be the pack of another release.
  if (missing.size < FILES || !consistentSnapshot || !(await targets.find(FIRST_PACK))) return [];
  const files = await targets.all();
  const packs = packsOf(manifest, files.values());
  return packs.filter((pack) => files.get(pack.path)?.length === pack.length && partOf(pack, missing));
}

/**
 * Downloads what is missing of a release from its packs. A pack is a way to send files, no more: where one
 * ends and the next begins is known from the signed targets metadata, and each is checked against its own signed hash before it leaves here. So it
 * makes no difference who sent it, nor what a page script has put into any store: what is wrong is not in what this returns.
 *
 * @param packs of the release
 * @param missing the hashes of its files that are not stored
 * @param ports where packs come from
 * @returns files in the order of the packs; not all that are missing, if something fails
 */
export async function* downloadPacks(
  packs: readonly Pack[],
  missing: ReadonlySet<string>,
  { servers, onFailure }: PackPorts,
): AsyncGenerator<Batch, void> {
  const left = new Set(missing);
  for (const pack of packs) {
    for (const server of servers) {
      const part = partOf(pack, left);
      if (!part) break;
      const download = server(pack, part.start);
      try {
        for await (const batch of read(part.files, left, download)) {
          for (const [file] of batch) left.delete(fileKey(file));
          yield batch;
        }
        break;
      } catch (error) {
        onFailure(withFacts(error, { url: download.url }));
      } finally {
        download.stop();
      }
      // Nobody has it: they would send nothing better of the next one, and may take their time.
      if (server === servers.at(-1)) return;
    }
  }
}

/**
 * The part of a pack to download: from its first missing file to the last, so that nothing comes again that a killed worker had stored.
 *
 * @param pack some files of a release
 * @param missing hashes
 * @returns position of the first byte, and the files from there on; undefined when they had better come one by one
 */
export function partOf(
  { files }: Pack,
  missing: ReadonlySet<string>,
): { readonly start: number; readonly files: readonly TargetFile[] } | undefined {
  const isMissing = (file: TargetFile) => missing.has(fileKey(file));
  const first = files.findIndex(isMissing);
  const part = files.slice(first, files.map(isMissing).lastIndexOf(true) + 1);
  const wanted = part.filter(isMissing);
  if (wanted.length < FILES || sizeOf(wanted) < sizeOf(part) * (1 - AGAIN)) return undefined;
  return { start: sizeOf(files.slice(0, first)), files: part };
}

/** Bytes altogether. */
function sizeOf(files: readonly TargetFile[]): number {
  return files.reduce((sum, { length }) => sum + length, 0);
}

/** While one batch is used, the next is read and hashed. */
async function* read(
  files: readonly TargetFile[],
  missing: ReadonlySet<string>,
  download: RangeDownload,
): AsyncGenerator<Batch, void> {
  const batches = batchesOf(files);
  let next = readBatch(batches.shift(), missing, download);
  for (let batch = await next; batch; batch = await next) {
    next = readBatch(batches.shift(), missing, download);
    // It is awaited later, or not at all.
    next.catch(() => {});
    yield batch;
  }
}

function batchesOf(files: readonly TargetFile[]): TargetFile[][] {
  const batches: TargetFile[][] = [];
  let size = BATCH;
  for (const file of files) {
    if (size >= BATCH) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(file);
    size += file.length;
  }
  return batches;
}

async function readBatch(
  files: readonly TargetFile[] | undefined,
  missing: ReadonlySet<string>,
  download: RangeDownload,
): Promise<Batch | undefined> {
  if (!files) return undefined;
  const bytes = await download.next(sizeOf(files));
  let end = 0;
  const batch = files.map((file) => {
    end += file.length;
    return [file, bytes.subarray(end - file.length, end)] as const;
  });
  const wanted = batch.filter(([file]) => missing.has(fileKey(file)));
  await Promise.all(
    wanted.map(([file, came]) =>
      checkFile(came, file, { path: file.path }).catch((error: VouchsafeError) => {
        throw came.length < file.length ? withFacts(error, { diagnosis: 'truncated' }) : error;
      }),
    ),
  );
  return wanted;
}

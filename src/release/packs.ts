import type { TargetFile } from '../tuf/file.js';
import { contentTypeOf, fileRule, MANIFEST_PATH, type ReleaseManifest } from './manifest.js';

/**
 * The folder of packs, under the targets. Workers make out what is in a pack by the rules of this file; whoever changes them changes this name as
 * well, and workers that do not know it yet ask for the files one by one.
 */
export const PACKS_FOLDER = 'vouchsafe/packs/';

/** A release with packs has this one. */
export const FIRST_PACK = packName(0);

/** A pack has at least so many files. A browser has six under way at once: with fewer it gains little, and the host keeps them twice. */
const FILES = 32;
/** Bytes of one pack, at most: some hosts (CloudFront) compress nothing from 10,000,000 on. */
const BYTES = 8_000_000;
/** Bytes. For a larger file one more request is nothing. */
const LARGE_FILE = 2 ** 20;

/** Some files of a release, one after the other, as one target. */
export interface Pack {
  /** Its target path. */
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  /** What is in it, in order. No two have the same bytes. */
  readonly files: readonly TargetFile[];
}

/**
 * The packs that a release has, if its publisher writes any: what is in them follows from signed data alone, so they need not say it, and cannot lie.
 * In them is what a first visit needs; documents, scripts and style sheets come before images and fonts, and like beside like, which compresses best.
 *
 * @param manifest of the release
 * @param targets of the release, all of them
 */
export function packsOf(manifest: ReleaseManifest, targets: Iterable<TargetFile>): Pack[] {
  const byHash = new Map<string, TargetFile>();
  const isPacked = ({ path, length }: TargetFile): boolean => {
    if (path === MANIFEST_PATH || length >= LARGE_FILE || manifest.chunks.has(path)) return false;
    // A copy of the answer at its own URL is kept, and is downloaded in its place.
    if (manifest.codeCache.has(path)) return false;
    const { keep, optional } = fileRule(manifest, path);
    return keep === 'precache' && !optional;
  };
  const sorted = [...targets]
    .filter(isPacked)
    .map((file) => ({ file, type: contentTypeOf(manifest, file.path) }))
    .sort((a, b) => compare(b.type, a.type) || compare(a.file.path, b.file.path));
  for (const { file } of sorted) {
    const { sha256 } = file.hashes;
    if (sha256 !== undefined && !byHash.has(sha256)) byHash.set(sha256, file);
  }
  const packs: Pack[] = [];
  let files: TargetFile[] = [];
  let length = 0;
  const end = () => {
    if (files.length >= FILES) packs.push({ path: packName(packs.length), length, files });
    files = [];
    length = 0;
  };
  for (const file of byHash.values()) {
    if (length + file.length > BYTES) end();
    files.push(file);
    length += file.length;
  }
  end();
  return packs;
}

/** Plain text for hosts, which compress that, but not what they do not know. */
function packName(index: number): string {
  return `${PACKS_FOLDER}${index}.txt`;
}

/** By code units: not by the language of a machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * What the index of a release's targets metadata names itself: what each start of a worker asks for, and the page that most of them are for.
 *
 * @param path target path
 */
export function isIndexedByName(path: string): boolean {
  return path === MANIFEST_PATH || path === 'index.html' || path.startsWith(PACKS_FOLDER);
}

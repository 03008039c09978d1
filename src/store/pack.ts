import { concat } from '../tuf/concat.js';
import type { PackIndex } from './schema.js';

/** Bytes. About as much as one read takes without a pause that a person notices. */
export const PACK_SIZE = 4 * 2 ** 20;

/** Where a file is. */
export interface Place {
  /** The pack's key. */
  readonly pack: number;
  readonly begin: number;
  readonly end: number;
  readonly isBlob: boolean;
}

/** A pack of files, to be stored. */
export interface Pack {
  readonly index: PackIndex;
  readonly pack: Uint8Array | Blob;
}

/**
 * @param files by hash
 * @returns one pack of them
 */
export function packOf(files: ReadonlyMap<string, Uint8Array>): Pack {
  const parts = [...files.values()];
  const ends = endsOf(parts.map(({ length }) => length));
  return { index: { hashes: hashesOf(files), ends, isBlob: false }, pack: concat(parts, ends.at(-1) ?? 0) };
}

/**
 * The same as a Blob, of which only that comes into memory that is read.
 *
 * @param files by hash, in memory or in other Blobs
 */
export function blobPackOf(files: ReadonlyMap<string, Uint8Array | Blob>): Pack {
  const parts = [...files.values()];
  const ends = endsOf(parts.map((part) => (part instanceof Blob ? part.size : part.length)));
  return { index: { hashes: hashesOf(files), ends, isBlob: true }, pack: new Blob(parts as BlobPart[]) };
}

function hashesOf(files: ReadonlyMap<string, unknown>): string {
  return [...files.keys()].join(' ');
}

function endsOf(sizes: readonly number[]): Uint32Array {
  let end = 0;
  return Uint32Array.from(sizes, (size) => {
    end += size;
    return end;
  });
}

/**
 * @param packs keys, in ascending order
 * @param indexes the index of each pack, of any shape
 * @returns where the newest version of each file should be
 */
export function placesIn(packs: readonly number[], indexes: readonly unknown[]): Map<string, Place> {
  const places = new Map<string, Place>();
  packs.forEach((pack, i) => {
    const { hashes, ends, isBlob } = (indexes[i] ?? {}) as Partial<PackIndex>;
    if (typeof hashes !== 'string' || !(ends instanceof Uint32Array)) return;
    let begin = 0;
    hashes.split(' ').forEach((hash, n) => {
      const end = ends[n];
      if (end === undefined || end < begin) return;
      places.set(hash, { pack, begin, end, isBlob: !!isBlob });
      begin = end;
    });
  });
  return places;
}

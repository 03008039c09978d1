import type { PackIndex } from './schema.js';

/** Bytes. About as much as one read takes without a pause that a person notices. */
export const PACK_SIZE = 4 * 2 ** 20;

/** Where a file is. */
export interface Place {
  /** The pack's key. */
  readonly pack: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * @param files by hash
 * @returns one pack of them
 */
export function packOf(files: ReadonlyMap<string, Uint8Array>): { readonly index: PackIndex; readonly bytes: Uint8Array } {
  const ends = new Uint32Array(files.size);
  let size = 0;
  let i = 0;
  for (const file of files.values()) {
    size += file.length;
    ends[i++] = size;
  }
  const bytes = new Uint8Array(size);
  i = 0;
  for (const file of files.values()) bytes.set(file, (ends[i++] ?? 0) - file.length);
  return { index: { hashes: [...files.keys()].join(' '), ends }, bytes };
}

/**
 * @param packs keys, in ascending order
 * @param indexes the index of each pack, of any shape
 * @returns where the newest version of each file should be
 */
export function placesIn(packs: readonly number[], indexes: readonly unknown[]): Map<string, Place> {
  const places = new Map<string, Place>();
  packs.forEach((pack, i) => {
    const { hashes, ends } = (indexes[i] ?? {}) as Partial<PackIndex>;
    if (typeof hashes !== 'string' || !(ends instanceof Uint32Array)) return;
    let begin = 0;
    hashes.split(' ').forEach((hash, n) => {
      const end = ends[n];
      if (end === undefined) return;
      places.set(hash, { pack, begin, end });
      begin = end;
    });
  });
  return places;
}

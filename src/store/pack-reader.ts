import { freeMemory } from '../tuf/free-memory.js';
import { inTime } from './connection.js';
import type { Place } from './pack.js';

/** Bytes of a Blob that are read at once by who reads on: each read goes through another process. */
const ONWARD = 2 ** 20;

/** @returns the bytes of a stored Blob. @throws when the engine has lost it, in time; never a `VouchsafeError` */
export async function readBlob(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await inTime(blob.arrayBuffer()));
}

/** Reads files out of packs one after the other, in order. What it read last stays in memory, as the files that come next may be in it. */
export class PackReader {
  readonly #get: (key: number) => Promise<Uint8Array | Blob | undefined>;
  #key: number | undefined;
  #blob: Blob | undefined;
  /** The part of the pack that is in memory, unless it was given away. */
  #bytes: Uint8Array | undefined;
  #begin = 0;
  /** Where what was read last ended. At first nowhere: who reads one file may want no other. */
  #end = Number.POSITIVE_INFINITY;

  /** @param get reads a pack by its key: a Blob, or bytes that nobody else has */
  constructor(get: (key: number) => Promise<Uint8Array | Blob | undefined>) {
    this.#get = get;
  }

  /**
   * @param place where the file should be
   * @returns a copy that is the caller's own; undefined when there is no such pack, and too short when the pack is
   * @throws what `get` and `readBlob` throw
   */
  async read({ pack: key, begin, end }: Place): Promise<Uint8Array | undefined> {
    if (key !== this.#key) {
      this.#forget();
      this.#blob = undefined;
      // Who had read another pack goes on with the beginning of this one.
      if (this.#key !== undefined) this.#end = 0;
      this.#key = key;
    }
    if (!this.#bytes || begin < this.#begin || end > this.#end) {
      this.#forget();
      const pack = this.#blob ?? (await this.#get(key));
      if (pack instanceof Blob) {
        this.#blob = pack;
        // Whoever goes on does not always do so where it ended: chunks of several files that came at the same time alternate in a pack.
        const upTo = begin >= this.#end ? Math.max(end, begin + ONWARD) : end;
        this.#bytes = await readBlob(pack.slice(begin, upTo));
        this.#begin = begin;
      } else {
        this.#bytes = pack;
        this.#begin = 0;
      }
      this.#end = this.#begin + (this.#bytes?.length ?? 0);
    }
    const bytes = this.#bytes;
    if (begin !== this.#begin || bytes?.length !== end - begin) return bytes?.slice(begin - this.#begin, end - this.#begin);
    this.#bytes = undefined;
    return bytes;
  }

  #forget(): void {
    if (this.#bytes) freeMemory(this.#bytes);
    this.#bytes = undefined;
  }
}

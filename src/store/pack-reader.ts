import { freeMemory } from '../tuf/free-memory.js';
import { inTime } from './connection.js';
import type { Place } from './pack.js';

/** Bytes of a Blob that are read at once by who reads on: each read goes through another process. */
const ONWARD = 2 ** 20;

/** @returns the bytes of a stored Blob. @throws in time, when the engine has lost it */
export async function readBlob(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await inTime(blob.arrayBuffer()));
}

/** Reads files out of packs one after the other, in order. What it read last stays in memory, as the files that come next may be in it. */
export class PackReader {
  readonly #get: (key: number) => Promise<Uint8Array | Blob | undefined>;
  readonly #onLost: () => void;
  #key: number | undefined;
  #blob: Blob | undefined;
  /** The part of the pack that is in memory, unless it was given away. */
  #bytes: Uint8Array | undefined;
  #begin = 0;
  /** Who reads for the first time may want nothing else. */
  #end = Number.POSITIVE_INFINITY;

  /**
   * @param get reads a pack by its key: a Blob, or bytes that nobody else has
   * @param onLost told of a Blob that the engine has lost
   */
  constructor(get: (key: number) => Promise<Uint8Array | Blob | undefined>, onLost: () => void) {
    this.#get = get;
    this.#onLost = onLost;
  }

  /**
   * @param place where the file should be
   * @returns a copy that is the caller's own; undefined when there is no such pack, or it is lost; too short when the pack is
   * @throws what \`get\` throws
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
        // Other files, of which parts came at the same time, may be in between.
        const upTo = begin >= this.#end ? Math.max(end, begin + ONWARD) : end;
        this.#bytes = await readBlob(pack.slice(begin, upTo)).catch(() => undefined);
        if (!this.#bytes) this.#onLost();
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

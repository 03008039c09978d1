/** Milliseconds without a request after which the worker has time. */
const QUIET = 1_000;
/** Blobs that are made in one go. */
const AT_ONCE = 16;
/** Bytes. Firefox may stop a worker that has answered while a large body is still read; those stay with who keeps it running. */
const LARGEST = 2 ** 19;

/**
 * Bodies for the next page, made of those of the last one while nothing is to do. A Blob is with the engine, which reads it without this worker's one
 * thread; to make one while a page waits takes longer than to send the bytes.
 *
 * What it is made of was checked and lies in this worker's memory, which no page reaches, and a Blob cannot be written to: whatever a page script stores, it
 * has no part in either.
 */
export class IdleBlobs {
  readonly #blobs = new WeakMap<Uint8Array, Blob>();
  #waiting = new Set<Uint8Array<ArrayBuffer>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param bytes of a whole file, checked: the same object each time for as long as it is in memory
   * @returns them as a Blob, if there was time to make it
   */
  of(bytes: Uint8Array<ArrayBuffer>): Blob | undefined {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#make(), QUIET);
    const blob = this.#blobs.get(bytes);
    if (!blob && bytes.length < LARGEST) this.#waiting.add(bytes);
    return blob;
  }

  #make(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const bytes of [...waiting].slice(0, AT_ONCE)) {
      this.#blobs.set(bytes, new Blob([bytes]));
      waiting.delete(bytes);
    }
    for (const bytes of waiting) this.#waiting.add(bytes);
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#make());
  }
}

import { type CacheMode, Download, type DownloadLimits, type FetchFunction } from './download.js';
import { freeMemory } from './free-memory.js';
import { LOOKED_AT } from './html-answer.js';

/**
 * Downloads a file or a part of it, in pieces of the caller's choice, at the caller's pace. The limits hold for each piece and only while it is
 * asked for: a file of any size may come as slowly as it is played, but a server that is asked cannot hold the client.
 */
export class RangeDownload {
  /** Who is asked. */
  readonly url: string;
  readonly #fetch: FetchFunction;
  readonly #start: number;
  readonly #range: string | undefined;
  readonly #cache: CacheMode;
  readonly #download: Download;
  /** What came last, as it came. */
  #piece: Uint8Array | undefined;
  /** The part of it that is not used yet. */
  #rest: Uint8Array | undefined;
  #status: number | undefined;
  #head: Uint8Array = new Uint8Array();

  /**
   * Asks for nothing yet, but the first piece must be asked for at once: the clock runs.
   *
   * @param fetch how to ask
   * @param url absolute URL
   * @param start position of the first byte
   * @param end position of the last byte; undefined for all that is there. All of a file is asked for as such, since hosts compress no parts
   * @param limits for each piece: deadline, window and minimum rate
   * @param cache how the HTTP cache takes part
   */
  constructor(fetch: FetchFunction, url: string, start: number, end: number | undefined, limits: DownloadLimits, cache: CacheMode) {
    this.url = url;
    this.#fetch = fetch;
    this.#start = start;
    this.#range = start > 0 || end !== undefined ? `bytes=${start}-${end ?? ''}` : undefined;
    this.#cache = cache;
    this.#download = new Download(url, limits);
  }

  /** Whether the server does not know ranges and sends the whole file: then there is more than was asked for. */
  get isWhole(): boolean {
    return this.#status === 200;
  }

  /** How the answer begins, as far as it came with the first packet: a page that is no file says there what it is. */
  get head(): Uint8Array {
    return this.#head;
  }

  /**
   * The next piece. One at a time. After a throw nothing more comes.
   *
   * @param length bytes
   * @returns that many bytes, unchecked, or fewer at the end of the answer
   * @throws as `download` does
   */
  async next(length: number): Promise<Uint8Array> {
    this.#download.resume();
    try {
      const skipped = this.#status === undefined ? await this.#open() : 0;
      const bytes = new Uint8Array(length);
      let position = -skipped;
      while (position < length) {
        if (!this.#rest) this.#piece = await this.#download.read();
        const came = this.#rest ?? this.#piece;
        if (!came) return bytes.subarray(0, Math.max(0, position));
        // A copy: the packet's memory is freed below.
        if (this.#head.length === 0) this.#head = came.slice(0, LOOKED_AT);
        const used = came.subarray(Math.max(0, -position), length - position);
        bytes.set(used, Math.max(0, position));
        this.#rest = position + came.length > length ? came.subarray(length - position) : undefined;
        position += came.length;
        // Copied. Where several pieces share a buffer, the next one is still in it.
        if (!this.#rest && this.#piece?.byteLength === came.buffer.byteLength) freeMemory(came);
      }
      return bytes;
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.#download.rest();
    }
  }

  /** Ends the request at once. */
  stop(): void {
    this.#download.abort();
  }

  /** @returns how many bytes come before the part */
  async #open(): Promise<number> {
    this.#status = await this.#download.open(this.#fetch, this.#cache, this.#range);
    return this.isWhole ? this.#start : 0;
  }
}

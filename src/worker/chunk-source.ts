import type { Chunks } from '../release/manifest.js';
import type { CacheMode } from '../tuf/download.js';
import type { RangeDownload } from '../tuf/download-range.js';
import { type Diagnosis, VouchsafeError, withFacts } from '../tuf/errors.js';
import { checkFile } from '../tuf/file.js';

/** Chunks asked for in one request. */
const RUN = 16;

/** What a `ChunkSource` uses of the worker. */
export interface ChunkPorts {
  /** The hashes under which files are stored. */
  storedHashes(): Promise<ReadonlySet<string>>;
  /** Reads what is stored, into memory that is nobody else's. */
  loadFile(hash: string): Promise<Uint8Array | undefined>;
  /** Left out for what is not to be kept. */
  saveFile?(hash: string, bytes: Uint8Array): Promise<unknown>;
  /** Servers that have the file. None is trusted. */
  readonly mirrors: number;
  /** Begins a download of the bytes from `start` to `end`, both included, from the mirror with this number. */
  download(mirror: number, start: number, end: number, cache: CacheMode): RangeDownload;
  /** Says what came instead of the chunk with this number; `head` is how the whole answer begins. */
  diagnose(bytes: Uint8Array, index: number, head: Uint8Array): Promise<Diagnosis>;
  /** Told of a mirror whose answer was refused, when another's was not. */
  onMirrorFailure(error: unknown): void;
  /** Told what was wrong with the store, or with what is stored, before it is replaced. */
  onDamage(error: unknown): void;
}

/**
 * Reads the chunks of one file: from the store, else from the repository. Each is checked against its signed hash, wherever it comes from. What
 * is missing in a row is asked for in one request, and comes at the pace at which it is read.
 */
export class ChunkSource {
  readonly #path: string;
  readonly #length: number;
  readonly #chunks: Chunks;
  readonly #last: number;
  readonly #ports: ChunkPorts;
  #stored: Promise<ReadonlySet<string>> | undefined;
  /** The download under way, and the chunk that it brings next. It has those before `end`. */
  #run: { readonly download: RangeDownload; next: number; readonly end: number } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** The last one whose answer was right. */
  #mirror = 0;
  #isStopped = false;

  /**
   * @param file target path, length and signed chunk hashes
   * @param end position of the last byte that will be asked for
   * @param ports store and repository
   */
  constructor(file: { readonly path: string; readonly length: number; readonly chunks: Chunks }, end: number, ports: ChunkPorts) {
    this.#path = file.path;
    this.#length = file.length;
    this.#chunks = file.chunks;
    this.#last = Math.floor(end / file.chunks.size);
    this.#ports = ports;
  }

  /**
   * One chunk, checked. A chunk from the repository that is not the signed one is asked for once more, past the HTTP cache.
   *
   * @param index from 0; best in order
   * @throws `mismatch` with a diagnosis, and the codes of a download
   */
  readonly read = (index: number): Promise<Uint8Array> => {
    // One after the other: two that are read ahead come from the same download.
    const reading = this.#turn.then(() => this.#read(index));
    this.#turn = reading.catch(() => {});
    return reading;
  };

  /** Ends what is under way. To be called when nobody reads any more. */
  stop(): void {
    this.#isStopped = true;
    this.#endRun();
  }

  async #read(index: number): Promise<Uint8Array> {
    const hash = this.#chunks.sha256[index] ?? '';
    try {
      // What the download under way brings next comes from there, or it would be broken off for a chunk that was stored meanwhile.
      const stored = this.#run?.next === index ? undefined : await this.#ports.loadFile(hash);
      if (stored) return await this.#checked(stored, index);
    } catch (error) {
      this.#ports.onDamage(error);
    }
    const bytes = await this.#downloaded(index);
    await this.#ports.saveFile?.(hash, bytes).catch(this.#ports.onDamage);
    return bytes;
  }

  async #downloaded(index: number): Promise<Uint8Array> {
    const failures: unknown[] = [];
    for (let tried = 0; tried < this.#ports.mirrors; tried++) {
      try {
        const bytes = await this.#downloadedFromOne(index);
        failures.forEach(this.#ports.onMirrorFailure);
        return bytes;
      } catch (error) {
        if (this.#isStopped) throw error;
        failures.push(error);
        this.#mirror = (this.#mirror + 1) % this.#ports.mirrors;
      }
    }
    throw failures[0];
  }

  async #downloadedFromOne(index: number): Promise<Uint8Array> {
    try {
      return await this.#download(index, 'default');
    } catch (error) {
      // Also after a connection that broke: what came before it is not lost.
      if (this.#isStopped || (error as VouchsafeError).code === 'too-slow') throw error;
      return this.#download(index, 'reload');
    }
  }

  async #download(index: number, cache: CacheMode): Promise<Uint8Array> {
    try {
      if (this.#run?.next !== index) {
        this.#endRun();
        let end = index + 1;
        while (end <= this.#last && end < index + RUN && !(await this.#isStored(this.#chunks.sha256[end] ?? ''))) end++;
        if (this.#isStopped) throw new VouchsafeError('unreachable', 'Nobody reads this file any more.');
        const { size } = this.#chunks;
        const download = this.#ports.download(this.#mirror, index * size, Math.min(end * size, this.#length) - 1, cache);
        this.#run = { download, next: index, end };
      }
      const run = this.#run;
      const bytes = await run.download.next(this.#lengthOf(index));
      await this.#checked(bytes, index).catch(async (error) => {
        throw withFacts(error, { diagnosis: await this.#ports.diagnose(bytes, index, run.download.head) });
      });
      run.next++;
      // A server that sends the whole file is not asked again for what it sends anyway.
      if (run.next > (run.download.isWhole ? this.#last : run.end - 1)) this.#endRun();
      return bytes;
    } catch (error) {
      // One of several servers, and the report is to name it.
      const url = this.#run?.download.url;
      this.#endRun();
      throw withFacts(error, { path: this.#path, ...(url && { url }) });
    }
  }

  async #checked(bytes: Uint8Array, index: number): Promise<Uint8Array> {
    const signed = { length: this.#lengthOf(index), hashes: { sha256: this.#chunks.sha256[index] ?? '' } };
    await checkFile(bytes, signed, { path: this.#path });
    return bytes;
  }

  async #isStored(hash: string): Promise<boolean> {
    this.#stored ??= this.#ports.storedHashes().catch((error) => {
      this.#ports.onDamage(error);
      return new Set();
    });
    return (await this.#stored).has(hash);
  }

  #lengthOf(index: number): number {
    const { size } = this.#chunks;
    return Math.min(size, this.#length - index * size);
  }

  #endRun(): void {
    this.#run?.download.stop();
    this.#run = undefined;
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Chunks } from '../release/manifest.js';
import type { FileDigest } from '../tuf/file.js';
import { PrivateKeyDetector } from './key-file.js';
import { PublisherError } from './publisher-error.js';

/** Files open at a time. Hashing is bound by the disk and one core; more would only cost memory. */
const CONCURRENCY = 8;

/**
 * Length and SHA-256 of a file, read piece by piece so that its size does not matter. (`describe` of `tuf/file` is for bytes in memory.)
 *
 * @param file path
 * @param inspect given the file's bytes, piece by piece
 * @returns what targets metadata lists
 * @throws `key-exposed` when there is a private key in it
 */
export async function describeFile(file: string, inspect?: (chunk: Buffer) => void): Promise<FileDigest> {
  const hash = createHash('sha256');
  const detector = new PrivateKeyDetector();
  let length = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    if (detector.sees(chunk))
      throw new PublisherError('key-exposed', `${file} has a private key of Vouchsafe in it; remove it, and replace that key.`);
    hash.update(chunk);
    length += chunk.length;
    inspect?.(chunk);
  }
  return { length, hashes: { sha256: hash.digest('hex') } };
}

/** Finds out whether a file is UTF-8, piece by piece. */
export class Utf8Detector {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #isUtf8 = true;

  /** @param chunk the next bytes of the file */
  see(chunk: Buffer): void {
    if (this.#isUtf8) this.#decode(chunk, { stream: true });
  }

  /** @returns whether all that was seen is UTF-8 */
  end(): boolean {
    if (this.#isUtf8) this.#decode(new Uint8Array(), {});
    return this.#isUtf8;
  }

  #decode(chunk: Uint8Array, options: { stream?: boolean }): void {
    try {
      this.#decoder.decode(chunk, options);
    } catch {
      this.#isUtf8 = false;
    }
  }
}

/** Bytes of a piece of a large file: enough that its hash costs little room, few enough that the first one is soon there. */
const CHUNK_SIZE = 256 * 1024;

/** Hashes a file piece by piece. Holds no bytes, whatever the size of the file. */
export class ChunkHasher {
  readonly #hashes: string[] = [];
  #hash = createHash('sha256');
  /** Bytes in the piece that is not at its end yet. */
  #length = 0;

  /** @param bytes the next bytes of the file */
  see(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + CHUNK_SIZE - this.#length);
      this.#hash.update(part);
      this.#length += part.length;
      at += part.length;
      if (this.#length === CHUNK_SIZE) this.#finish();
    }
  }

  /** @returns the hashes of the pieces of all that was seen */
  end(): Chunks {
    if (this.#length > 0) this.#finish();
    return { size: CHUNK_SIZE, sha256: this.#hashes };
  }

  #finish(): void {
    this.#hashes.push(this.#hash.digest('hex'));
    this.#hash = createHash('sha256');
    this.#length = 0;
  }
}

/**
 * Does something for each item, several at a time. The first failure stops it and is thrown.
 *
 * @param items in the order they are started
 * @param work what to do
 * @returns the results, in the order of the items
 */
export async function forEachConcurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length && !failed; i = next++) {
      try {
        results[i] = await work(items[i] as Item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
  // All lanes have come to rest before the failure is reported: nothing writes on behind the caller's back.
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}

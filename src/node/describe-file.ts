import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Chunks } from '../release/manifest.js';
import type { FileDigest } from '../tuf/file.js';
import { PrivateKeyDetector } from './key-file.js';
import { PublisherError } from './publisher-error.js';

/** Files under way at a time: while one is flushed, others are read. */
const CONCURRENCY = 8;

/** Most bytes of a file that are in memory at a time. */
export const PIECE_BYTES = 2 ** 20;

/** What files are read through, one at a time. */
const PIECE = Buffer.allocUnsafeSlow(PIECE_BYTES);

/**
 * Length and SHA-256 of a file, read piece by piece so that its size does not matter. (`describe` of `tuf/file` is for bytes in memory.)
 *
 * Without a turn in between: an app has thousands of small files, and to wait for the thread pool four times a file costs more than to read it.
 *
 * @param file path
 * @param inspect given the file's bytes, piece by piece; they are its own only until it returns
 * @returns what targets metadata lists
 * @throws `key-exposed` when there is a private key in it, the system's error
 */
export function describeFile(file: string, inspect?: (piece: Buffer) => void): FileDigest {
  const hash = createHash('sha256');
  const detector = new PrivateKeyDetector();
  let length = 0;
  const descriptor = openSync(file, 'r');
  try {
    for (let read = readSync(descriptor, PIECE); read > 0; read = readSync(descriptor, PIECE)) {
      const piece = PIECE.subarray(0, read);
      if (detector.sees(piece))
        throw new PublisherError('key-exposed', `${file} has a private key of Vouchsafe in it; remove it, and replace that key.`);
      hash.update(piece);
      length += read;
      inspect?.(piece);
    }
  } finally {
    closeSync(descriptor);
  }
  return { length, hashes: { sha256: hash.digest('hex') } };
}

/**
 * @param file what `describeFile` found
 * @param digest what it should be
 * @returns whether it is that
 */
export function isDescribedBy(file: FileDigest, digest: FileDigest): boolean {
  return file.length === digest.length && file.hashes.sha256 === digest.hashes.sha256;
}

/** Finds out whether a file is UTF-8, piece by piece. */
export class Utf8Detector {
  /** The beginning of a character that the last piece ended in the middle of. */
  #tail: Uint8Array = new Uint8Array();
  #isUtf8 = true;

  /** @param chunk the next bytes of the file; not kept */
  see(chunk: Buffer): void {
    if (!this.#isUtf8) return;
    // A decoder would do this too, and make a text of every file that nobody reads.
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    const end = bytes.length - unfinished(bytes);
    this.#isUtf8 = isUtf8(bytes.subarray(0, end));
    this.#tail = end === bytes.length ? bytes.subarray(end) : Uint8Array.from(bytes.subarray(end));
  }

  /** @returns whether all that was seen is UTF-8 */
  end(): boolean {
    return this.#isUtf8 && this.#tail.length === 0;
  }
}

/** @returns how many bytes at the end are the beginning of a character whose other bytes are not there yet: at most three */
function unfinished(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(3, bytes.length); count++) {
    const byte = bytes[bytes.length - count] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return count < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? count : 0;
  }
  return 0;
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

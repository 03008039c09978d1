import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileDigest } from '../tuf/file.js';
import { PrivateKeyDetector } from './key-file.js';
import { PublisherError } from './publisher-error.js';

/** Files open at a time. Hashing is bound by the disk and one core; more would only cost memory. */
const CONCURRENCY = 8;

/**
 * Length and SHA-256 of a file, read piece by piece so that its size does not matter. (`describe` of `tuf/file` is for bytes in memory.)
 *
 * @param file path
 * @param onBytes told how many bytes were read since the last call
 * @returns what targets metadata lists
 * @throws `key-exposed` when there is a private key in it
 */
export async function describeFile(file: string, onBytes?: (count: number) => void): Promise<FileDigest> {
  const hash = createHash('sha256');
  const detector = new PrivateKeyDetector();
  let length = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    if (detector.sees(chunk))
      throw new PublisherError('key-exposed', `${file} has a private key of Vouchsafe in it; remove it, and replace that key.`);
    hash.update(chunk);
    length += chunk.length;
    onBytes?.(chunk.length);
  }
  return { length, hashes: { sha256: hash.digest('hex') } };
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

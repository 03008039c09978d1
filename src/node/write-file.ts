import { closeSync, fsync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { FileDigest } from '../tuf/file.js';
import { describeFile } from './describe-file.js';
import { isSystemError, PublisherError } from './publisher-error.js';
import type { Staging } from './staging.js';

/** Whether a file had to be written, or was there already with the same content. */
export type Written = 'written' | 'unchanged';

/**
 * Makes a file hold these bytes. A reader sees the old file or the new one, never a part; a file that holds them already is not touched.
 *
 * @param staging where to write it first
 * @param path absolute
 * @param bytes content
 * @throws `bad-output` when it cannot be written
 */
export async function writeIfChanged(staging: Staging, path: string, bytes: Uint8Array): Promise<Written> {
  if (holds(path, bytes)) return 'unchanged';
  await replace(staging, path, (descriptor) => writeAll(descriptor, bytes));
  return 'written';
}

/**
 * Copies a file to where its hash says it belongs. What is there already is believed only after it has been hashed, and what is copied is hashed
 * again: a build that still writes while it is published is an error, not a broken release.
 *
 * @param staging where to write it first
 * @param source file to copy
 * @param path absolute
 * @param digest what the file was when the release was signed
 * @throws `bad-input` when the file is no longer what it was, `bad-output` when it cannot be written
 */
export async function copyIfChanged(staging: Staging, source: string, path: string, digest: FileDigest): Promise<Written> {
  if (isFile(path, digest)) return 'unchanged';
  await replace(staging, path, (descriptor) => {
    const copied = describeFile(source, (piece) => writeAll(descriptor, piece));
    if (copied.length !== digest.length || copied.hashes.sha256 !== digest.hashes.sha256) {
      throw changedMeanwhile(source);
    }
  });
  return 'written';
}

/**
 * @param source a file that is no longer what it was when the publish began
 * @returns the error to throw
 */
export function changedMeanwhile(source: string): PublisherError {
  return new PublisherError(
    'bad-input',
    `${source} changed while it was published; wait until the build has finished, then publish again.`,
  );
}

const flush = promisify(fsync);

/** Writes a temporary file, flushes it, and renames it into place. */
async function replace(staging: Staging, path: string, fill: (descriptor: number) => void): Promise<void> {
  const folder = dirname(path);
  await staging.makeFolder(folder);
  const temporary = staging.newPath();
  try {
    const descriptor = openSync(temporary, 'wx', 0o644);
    try {
      fill(descriptor);
      // Without this a power cut may leave a renamed but empty file. (In which order the renames reach the disk is the file system's.)
      await flush(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof PublisherError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new PublisherError('bad-output', `${basename(path)} cannot be written to ${folder}: ${why}`, error);
  }
}

/** A disk that is nearly full takes a part. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return isOfSize(path, bytes.length) && readFileSync(path).equals(bytes);
  } catch (error) {
    // A folder in the way is not the file; the rename then says so.
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EISDIR') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

function isFile(path: string, digest: FileDigest): boolean {
  try {
    return isOfSize(path, digest.length) && describeFile(path).hashes.sha256 === digest.hashes.sha256;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EISDIR') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

function isOfSize(path: string, size: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === size;
}

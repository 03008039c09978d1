import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { FileDigest } from '../tuf/file.js';
import { describeFile, isDescribedBy } from './describe-file.js';
import { flushFiles } from './flush.js';
import { isSystemError, PublisherError } from './publisher-error.js';
import type { Staging } from './staging.js';

/** Whether a file had to be written, or was there already with the same content. */
export type Written = 'written' | 'unchanged';

/**
 * Makes a file hold these bytes, and waits until the disk has them. A reader sees the old file or the new one, never a part; a file that holds
 * them already is not touched.
 *
 * @param staging where to write it first
 * @param path absolute
 * @param bytes content
 * @throws `bad-output` when it cannot be written
 */
export async function writeIfChanged(staging: Staging, path: string, bytes: Uint8Array): Promise<Written> {
  if (holds(path, bytes)) return 'unchanged';
  const folder = dirname(path);
  await staging.makeFolder(folder);
  const temporary = staging.newPath();
  fillNew(temporary, path, (descriptor) => writeAll(descriptor, bytes));
  // Without this a power cut may leave a renamed but empty file. (In which order the renames reach the disk is the file system's.)
  await flushFiles(folder, [temporary]);
  moveTo(temporary, path);
  return 'written';
}

/**
 * Copies a file to a name that is not there yet, and does not wait for the disk. What is copied is hashed again: a build that still writes while
 * it is published is an error, not a broken release.
 *
 * @param source file to copy
 * @param path absolute, in a folder that is there
 * @param digest what the file was when the release was signed
 * @param shown the file that it is for, in messages
 * @throws `bad-input` when the file is no longer what it was, `bad-output` when it cannot be written
 */
export function copyToNew(source: string, path: string, digest: FileDigest, shown = path): void {
  fillNew(path, shown, (descriptor) => {
    const copied = describeFile(source, (piece) => writeAll(descriptor, piece));
    if (!isDescribedBy(copied, digest)) {
      throw changedMeanwhile(source);
    }
  });
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

/**
 * Renames a file into place.
 *
 * @param temporary where it is; not any more when this throws
 * @param path where it belongs
 * @throws `bad-output`
 */
export function moveTo(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw cannotBeWritten(path, error);
  }
}

/**
 * Whether a file is there with this content. What is there is believed only after it has been hashed.
 *
 * @param path absolute
 * @param digest what it should be
 * @throws the system's error when it is there and cannot be read
 */
export function isFile(path: string, digest: FileDigest): boolean {
  try {
    return isDescribedBy(describeFile(path), digest);
  } catch (error) {
    if (isInTheWay(error)) return false;
    throw error;
  }
}

/** Makes a file; what cannot be filled goes away again. A link that stands there is not followed. */
function fillNew(path: string, shown: string, fill: (descriptor: number) => void): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx', 0o644);
  } catch (error) {
    throw cannotBeWritten(shown, error);
  }
  try {
    try {
      fill(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error instanceof PublisherError ? error : cannotBeWritten(shown, error);
  }
}

function cannotBeWritten(path: string, error: unknown): PublisherError {
  const why = error instanceof Error ? error.message : String(error);
  return new PublisherError('bad-output', `${basename(path)} cannot be written to ${dirname(path)}: ${why}`, error);
}

/** A disk that is nearly full takes a part. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size === bytes.length && readFileSync(path).equals(bytes);
  } catch (error) {
    if (isInTheWay(error)) return false;
    throw error;
  }
}

/** A folder in the way is not the file; the rename then says so. */
function isInTheWay(error: unknown): boolean {
  return isSystemError(error, 'ENOENT') || isSystemError(error, 'EISDIR') || isSystemError(error, 'ENOTDIR');
}

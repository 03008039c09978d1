import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { FileDigest } from '../tuf/file.js';
import { describeFile } from './describe-file.js';
import { makeFolder } from './folders.js';
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
  if (await holds(path, bytes)) return 'unchanged';
  await replace(staging, path, (file) => file.writeFile(bytes));
  return 'written';
}

/**
 * Copies a file to where its hash says it belongs. What is there already is believed only after it has been hashed, and so is the copy: a
 * build that still writes while it is published is an error, not a broken release.
 *
 * @param staging where to write it first
 * @param source file to copy
 * @param path absolute
 * @param digest what the file was when the release was signed
 * @throws `bad-input` when the file is no longer what it was, `bad-output` when it cannot be written
 */
export async function copyIfChanged(staging: Staging, source: string, path: string, digest: FileDigest): Promise<Written> {
  if (await isFile(path, digest)) return 'unchanged';
  await replace(staging, path, async (file, temporary) => {
    // Each call goes on where the last one ended.
    for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) await file.writeFile(chunk);
    if (!(await isFile(temporary, digest))) {
      throw new PublisherError(
        'bad-input',
        `${source} changed while it was published; wait until the build has finished, then publish again.`,
      );
    }
  });
  return 'written';
}

type Handle = Awaited<ReturnType<typeof open>>;

/** Writes a temporary file, flushes it, and renames it into place. */
async function replace(staging: Staging, path: string, fill: (file: Handle, temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = staging.newPath();
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await fill(file, temporary);
      // Without this a power cut may leave a renamed but empty file. (In which order the renames reach the disk is the file system's.)
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof PublisherError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new PublisherError('bad-output', `${basename(path)} cannot be written to ${folder}: ${why}`, error);
  }
}

async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    if ((await stat(path)).size !== bytes.length) return false;
    return (await readFile(path)).equals(bytes);
  } catch (error) {
    // A folder in the way is not the file; the rename then says so.
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EISDIR') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

async function isFile(path: string, digest: FileDigest): Promise<boolean> {
  try {
    if ((await stat(path)).size !== digest.length) return false;
    return (await describeFile(path)).hashes.sha256 === digest.hashes.sha256;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EISDIR') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

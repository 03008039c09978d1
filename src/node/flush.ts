import { execFile } from 'node:child_process';
import { closeSync, fsync, openSync } from 'node:fs';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { forEachConcurrently } from './describe-file.js';
import { PublisherError } from './publisher-error.js';

/** From so many files on, one call for all that the file system has in memory is cheaper than one for each of them. */
const MANY = 64;

/** Where it is on Linux. Not looked for in PATH: under `npm run` that begins with what packages have put into node_modules/.bin. */
const SYNC = '/bin/sync';

/** What `sync` says that has no option -f. */
const IS_USAGE = /invalid|unrecognized|usage/i;

const flush = promisify(fsync);

/**
 * Waits until files are on the disk: after a power cut they are there, whole.
 *
 * @param folder where they are, all on one file system
 * @param files absolute paths
 * @throws `bad-output` when the disk does not take them
 */
export async function flushFiles(folder: string, files: readonly string[]): Promise<void> {
  try {
    if (files.length >= MANY && (await flushFileSystem(folder))) return;
    await forEachConcurrently(files, flushFile);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PublisherError('bad-output', `What was written to ${folder} cannot be flushed to the disk: ${why}`, error);
  }
}

async function flushFile(file: string): Promise<void> {
  // Windows flushes only what is open for writing.
  const descriptor = openSync(file, 'r+');
  try {
    await flush(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Node has no `syncfs`, which waits for everything in one go: with `fsync` a journalling file system commits once for nearly every new file.
 *
 * @returns whether it was done; not where there is no such command, or no kernel that reports what went wrong (Linux before 5.8)
 */
async function flushFileSystem(folder: string): Promise<boolean> {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (process.platform !== 'linux' || major < 5 || (major === 5 && minor < 8)) return false;
  return new Promise((done, failed) => {
    execFile(SYNC, ['-f', folder], (error, _stdout, stderr) => {
      if (!error) done(true);
      // A disk's error is told once: `fsync` would not see it again, so that must not be tried instead.
      else if (typeof error.code === 'string' || IS_USAGE.test(stderr)) done(false);
      else failed(new Error(stderr.trim() || error.message));
    });
  });
}

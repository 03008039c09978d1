import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './folders.js';
import { isSystemError, PublisherError } from './publisher-error.js';

// Starts with a dot, so that static hosts leave it out.
const FOLDER = '.publishing';
const OWNER = 'process';

/**
 * The folder in which files are written before they are renamed into place: on the output's own file system, and in one place, so that
 * what a killed publish leaves behind is found. While it is there, no other process publishes to the same output.
 */
export class Staging {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * @param repository absolute path of the repository folder in the output
   * @throws `bad-output` when another process is publishing there
   */
  static async open(repository: string): Promise<Staging> {
    await makeFolder(repository);
    const folder = join(repository, FOLDER);
    try {
      await mkdir(folder);
    } catch (error) {
      if (!isSystemError(error, 'EEXIST'))
        throw new PublisherError('bad-output', `The folder ${folder} cannot be made: ${String(error)}`, error);
      await takeOver(folder);
    }
    await writeFile(join(folder, OWNER), String(process.pid));
    return new Staging(folder);
  }

  /** @returns an absolute path that nothing has yet */
  newPath(): string {
    return join(this.#folder, randomBytes(8).toString('hex'));
  }

  /** Removes the folder and what is in it. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The folder of a process that is gone is cleared; that of one which runs is respected. */
async function takeOver(folder: string): Promise<void> {
  const owner = Number(await readFile(join(folder, OWNER), 'utf8').catch(() => ''));
  if (!(owner > 0) || isRunning(owner)) {
    const who = owner > 0 ? `process ${owner}` : 'another process';
    throw new PublisherError(
      'bad-output',
      `It seems that ${who} is publishing to the same folder; wait for it, or if there is none delete ${folder}.`,
    );
  }
  await rm(folder, { recursive: true });
  await mkdir(folder);
}

function isRunning(pid: number): boolean {
  try {
    // Signal 0 only asks whether there is such a process.
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}

import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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
  /** How many were given away. */
  #paths = 0;
  /** Folders that are there. */
  readonly #made = new Set<string>();

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
    await clear(repository, folder);
    // It gets its name with the owner in it already: at no moment is there one that nobody owns.
    const own = await mkdtemp(join(repository, `${FOLDER}-`));
    await writeFile(join(own, OWNER), String(process.pid));
    try {
      await rename(own, folder);
    } catch (error) {
      await rm(own, { recursive: true });
      if (isSystemError(error, 'ENOTEMPTY') || isSystemError(error, 'EEXIST')) throw inUse('another process', folder);
      throw new PublisherError('bad-output', `The folder ${folder} cannot be made: ${String(error)}`, error);
    }
    return new Staging(folder);
  }

  /** @returns an absolute path that nothing has yet */
  newPath(): string {
    return join(this.#folder, String(this.#paths++));
  }

  /**
   * Makes a folder to rename files into, unless it has been made already.
   *
   * @param folder absolute path
   * @throws `bad-output`
   */
  async makeFolder(folder: string): Promise<void> {
    if (this.#made.has(folder)) return;
    await makeFolder(folder);
    this.#made.add(folder);
  }

  /** Removes the folder and what is in it. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The folders of processes that are gone are removed; that of one which runs is respected. */
async function clear(repository: string, folder: string): Promise<void> {
  for (const name of await readdir(repository)) {
    if (!name.startsWith(FOLDER)) continue;
    const found = join(repository, name);
    const owner = Number(await readFile(join(found, OWNER), 'utf8').catch(() => ''));
    // Without an owner it is one that is just being made.
    if (!(owner > 0)) continue;
    if (!isRunning(owner)) await rm(found, { recursive: true, force: true });
    else if (found === folder) throw inUse(`process ${owner}`, folder);
  }
}

function inUse(who: string, folder: string): PublisherError {
  return new PublisherError(
    'bad-output',
    `It seems that ${who} is publishing to the same folder; wait for it, or if there is none delete ${folder}.`,
  );
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

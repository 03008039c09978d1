import { join } from 'node:path';
import { REPOSITORY_FOLDER } from '../release/config.js';
import type { FileDigest } from '../tuf/file.js';
import { Staging } from './staging.js';
import { copyIfChanged, type Written, writeIfChanged } from './write-file.js';

/** The output folder while it is being written: by this process alone, each file in one step, and only where something differs. */
export class Output {
  /** Absolute path. */
  readonly folder: string;
  readonly #staging: Staging;
  #written = 0;

  private constructor(folder: string, staging: Staging) {
    this.folder = folder;
    this.#staging = staging;
  }

  /**
   * @param folder absolute path; made when it is not there
   * @throws `bad-output` when it cannot be made or another process is publishing there
   */
  static async open(folder: string): Promise<Output> {
    return new Output(folder, await Staging.open(join(folder, REPOSITORY_FOLDER)));
  }

  /** Files that had to be written until now. */
  get written(): number {
    return this.#written;
  }

  /**
   * Makes a file hold these bytes.
   *
   * @param path relative to the folder
   * @param bytes content
   * @throws `bad-output`
   */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#count(await writeIfChanged(this.#staging, join(this.folder, path), bytes));
  }

  /**
   * Makes a file hold a copy of another one.
   *
   * @param source absolute path
   * @param path relative to the folder
   * @param digest what the source was when the release was signed
   * @throws `bad-input` when it is no longer that, `bad-output`
   */
  async copy(source: string, path: string, digest: FileDigest): Promise<void> {
    this.#count(await copyIfChanged(this.#staging, source, join(this.folder, path), digest));
  }

  /** Lets others publish here. */
  async close(): Promise<void> {
    await this.#staging.close();
  }

  #count(outcome: Written): void {
    if (outcome === 'written') this.#written++;
  }
}

import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { REPOSITORY_FOLDER } from '../release/config.js';
import type { FileDigest } from '../tuf/file.js';
import { PIECE_BYTES } from './describe-file.js';
import { flushFiles } from './flush.js';
import { Staging } from './staging.js';
import { copyToNew, isFile, moveTo, type Written, writeIfChanged } from './write-file.js';

/** A file to copy. */
export interface Copy {
  /** Absolute path. */
  readonly source: string;
  /** Relative to the output folder. */
  readonly path: string;
  /** What the source was when the release was signed. */
  readonly digest: FileDigest;
}

/** The output folder while it is being written: by this process alone, each file in one step, and only where something differs. */
export class Output {
  /** Absolute path. */
  readonly folder: string;
  readonly #staging: Staging;
  /** Names in the folders that targets are added to, as `folded`. */
  readonly #names = new Map<string, Set<string>>();
  /** Files that the disk may not have yet. */
  #unflushed: string[] = [];
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
   * Makes a file hold these bytes, on the disk too.
   *
   * @param path relative to the folder
   * @param bytes content
   * @throws `bad-output`
   */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#count(await writeIfChanged(this.#staging, join(this.folder, path), bytes));
  }

  /**
   * Makes a file hold a copy of another one. For names with the content's hash in them, which nobody asks for before metadata lists them. The disk
   * need not have it before `flush`.
   *
   * @param copy what to copy, and where to
   * @throws `bad-input` when the source is no longer what it was, `bad-output`
   */
  async add({ source, path, digest }: Copy): Promise<void> {
    const file = join(this.folder, path);
    const names = await this.#namesBeside(file);
    const name = folded(basename(file));
    const isThere = names.has(name);
    names.add(name);
    if (isThere && isFile(file, digest)) return;
    this.#written++;
    this.#unflushed.push(file);
    // Written in one go, under a name that is new: no client sees a part of it. What takes longer, or is there and damaged, goes by way of the
    // staging folder. Nothing is lost by leaving that out for small ones: what a killed process leaves half is hashed by the next one.
    if (!isThere && digest.length < PIECE_BYTES) copyToNew(source, file, digest);
    else moveTo(this.#stage(source, file, digest), file);
  }

  /**
   * Waits until the disk has all that `add` wrote. What makes it visible comes after: whatever a timestamp leads to is there, whole, after a power
   * cut too.
   *
   * @throws `bad-output`
   */
  async flush(): Promise<void> {
    const files = this.#unflushed;
    this.#unflushed = [];
    this.#names.clear();
    await flushFiles(this.folder, files);
  }

  /**
   * Makes files hold copies of others, at names that people ask for: each of them is the old file or the new one, on the disk too.
   *
   * @param copies what to copy, and where to
   * @throws `bad-input` when a source is no longer what it was, `bad-output`
   */
  async replace(copies: readonly Copy[]): Promise<void> {
    const staged: [temporary: string, file: string][] = [];
    for (const { source, path, digest } of copies) {
      const file = join(this.folder, path);
      if (isFile(file, digest)) continue;
      await this.#staging.makeFolder(dirname(file));
      staged.push([this.#stage(source, file, digest), file]);
    }
    await flushFiles(
      this.folder,
      staged.map(([temporary]) => temporary),
    );
    for (const [temporary, file] of staged) {
      moveTo(temporary, file);
      this.#written++;
    }
  }

  /** Lets others publish here. */
  async close(): Promise<void> {
    await this.#staging.close();
  }

  #stage(source: string, file: string, digest: FileDigest): string {
    const temporary = this.#staging.newPath();
    copyToNew(source, temporary, digest, file);
    return temporary;
  }

  /** Read once: to ask for each of an app's thousands of files whether it is there takes longer. */
  async #namesBeside(file: string): Promise<Set<string>> {
    const folder = dirname(file);
    const known = this.#names.get(folder);
    if (known) return known;
    await this.#staging.makeFolder(folder);
    const names = new Set(readdirSync(folder).map(folded));
    this.#names.set(folder, names);
    return names;
  }

  #count(outcome: Written): void {
    if (outcome === 'written') this.#written++;
  }
}

/** Some file systems take names for one that differ in this. Where they do not, a name that only seems to be there costs a look. */
function folded(name: string): string {
  return name.normalize().toLowerCase();
}

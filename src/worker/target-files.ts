import { isIndexedByName, PACKS_FOLDER } from '../release/packs.js';
import type { DocumentName } from '../store/store.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { unlessRefused } from '../tuf/refresher.js';
import { Targets } from '../tuf/targets.js';
import { indexDocument, indexTargets, readBlock, type TargetsIndex } from '../tuf/targets-index.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';

/** Where a release's targets metadata is. What comes from there is believed once its hash is right. */
export interface TargetDocuments {
  /** From the store. */
  load(name: DocumentName): Promise<Uint8Array | undefined>;
  /** Stores what was lost. A store that cannot take it is no reason not to use it. */
  save(documents: ReadonlyMap<DocumentName, Uint8Array>): Promise<void>;
  /** The whole targets metadata from the repository, checked. */
  download(): Promise<Uint8Array>;
  /** Told what was wrong with the store. */
  onDamage(error: unknown): void;
}

/**
 * The files that a release lists. Of a release that was opened by its index only those are in memory that were asked for, block by block; a block's hash is
 * in the index, which a threshold of the targets keys has signed and which was verified in this life of the worker. So whatever a page script writes in
 * the place of a block, or of the whole document, costs reading it again from elsewhere, no more.
 */
export class TargetFiles {
  readonly #index: TargetsIndex | undefined;
  readonly #documents: TargetDocuments | undefined;
  readonly #blocks = new Map<number, Promise<ReadonlyMap<string, TargetFile>>>();
  readonly #read: Map<string, TargetFile>;
  readonly #readBlocks = new Set<number>();
  #all: Promise<ReadonlyMap<string, TargetFile>> | undefined;
  /** How many files there are. */
  readonly count: number;
  /** How many bytes they have. */
  readonly bytes: number;

  private constructor(
    count: number,
    bytes: number,
    known: ReadonlyMap<string, TargetFile>,
    index?: TargetsIndex,
    documents?: TargetDocuments,
  ) {
    this.count = count;
    this.bytes = bytes;
    for (const { path, length } of known.values()) {
      // What is in the packs is counted already.
      if (!path.startsWith(PACKS_FOLDER)) continue;
      this.count--;
      this.bytes -= length;
    }
    this.#read = new Map(known);
    this.#index = index;
    this.#documents = documents;
    if (!index) this.#all = Promise.resolve(this.#read);
  }

  /** @param files all that there are, verified */
  static of(files: ReadonlyMap<string, TargetFile>): TargetFiles {
    let bytes = 0;
    for (const { length } of files.values()) bytes += length;
    return new TargetFiles(files.size, bytes, files);
  }

  /**
   * @param index verified
   * @param documents where what it vouches for is
   */
  static indexed(index: TargetsIndex, documents: TargetDocuments): TargetFiles {
    return new TargetFiles(index.files, index.byteCount, index.named, index, documents);
  }

  /**
   * Whether a path is among the files, as far as that is known.
   *
   * @param path target path
   * @returns undefined before the block that would have it was loaded
   */
  has(path: string): boolean | undefined {
    if (this.#read.has(path)) return true;
    return !this.#index || this.#readBlocks.has(this.#index.blockOf(path)) ? false : undefined;
  }

  /**
   * @param path of a file that an index names itself
   * @returns the file, if there is one
   */
  named(path: string): TargetFile | undefined {
    return this.#read.get(path);
  }

  /**
   * @param path target path
   * @returns the file, if there is one
   * @throws what the download of a lost document throws
   */
  async find(path: string): Promise<TargetFile | undefined> {
    if (this.has(path) === undefined) await this.load([path]);
    return this.#read.get(path);
  }

  /** Loads what says whether these paths are among the files. @throws what the download of a lost document throws */
  async load(paths: readonly string[]): Promise<void> {
    await Promise.all(paths.map((path) => this.#index && this.#loadBlock(this.#index.blockOf(path))));
  }

  /** Every file. @throws what the download of a lost document throws */
  all(): Promise<ReadonlyMap<string, TargetFile>> {
    if (!this.#all) {
      const reading = this.#readAll();
      this.#all = reading;
      reading.catch(() => {
        if (this.#all === reading) this.#all = undefined;
      });
    }
    return this.#all;
  }

  /** @param files all that there are, which somebody else has read and verified */
  adopt(files: ReadonlyMap<string, TargetFile>): void {
    this.#take(files);
    this.#all = Promise.resolve(files);
  }

  #loadBlock(block: number): Promise<unknown> {
    const known = this.#blocks.get(block);
    if (known !== undefined) return known;
    const reading = this.#readBlock(block);
    this.#blocks.set(block, reading);
    reading.catch(() => this.#blocks.delete(block));
    return reading;
  }

  async #readBlock(block: number): Promise<ReadonlyMap<string, TargetFile>> {
    try {
      const bytes = await this.#documents?.load(block);
      if (bytes && this.#index) {
        await checkFile(bytes, this.#index.digestOf(block), { role: 'targets' });
        const files = readBlock(bytes);
        for (const [path, file] of files) if (!this.#read.has(path)) this.#read.set(path, file);
        this.#readBlocks.add(block);
        return files;
      }
    } catch (error) {
      this.#documents?.onDamage(error);
    }
    return this.all();
  }

  async #readAll(): Promise<ReadonlyMap<string, TargetFile>> {
    const [index, documents] = [this.#index, this.#documents];
    if (!index || !documents) return this.#read;
    const lost = new Map<DocumentName, Uint8Array>();
    let bytes = await documents.load('targets');
    try {
      if (bytes) await checkFile(bytes, index.targets, { role: 'targets' });
    } catch (error) {
      documents.onDamage(error);
      bytes = undefined;
    }
    if (!bytes) {
      bytes = await documents.download();
      lost.set('targets', bytes);
    }
    // The document that the index, and with it its signatures, is of.
    const targets = new Targets(bytes);
    // Somebody asked for a block that is not there: all are written anew.
    if (this.#blocks.size > this.#readBlocks.size) {
      const { blocks } = await indexTargets(targets, isIndexedByName);
      for (const [number, block] of blocks.entries()) lost.set(number, block);
    }
    if (lost.size > 0) await documents.save(lost);
    this.#take(targets.files);
    return targets.files;
  }

  #take(files: ReadonlyMap<string, TargetFile>): void {
    for (const [path, file] of files) if (!this.#read.has(path)) this.#read.set(path, file);
    // Also the first block of none.
    for (let block = 0; block < Math.max(1, this.#index?.blocks ?? 0); block++) this.#readBlocks.add(block);
  }
}

/**
 * The documents that a release is stored with.
 *
 * @param targets its targets metadata
 * @param metadata with the snapshot that lists it
 * @returns them; with the index, and its blocks, if the snapshot has its signatures. It only makes a worker start faster, so one that is refused is as good
 * as none
 */
export async function documentsOf(
  targets: Targets,
  metadata: TrustedMetadata,
): Promise<{ readonly documents: ReadonlyMap<DocumentName, Uint8Array>; readonly index?: TargetsIndex }> {
  const documents = new Map<DocumentName, Uint8Array>([['targets', targets.bytes]]);
  const { indexSignatures: signatures } = metadata.listed('targets');
  if (!signatures) return { documents };
  const { signed, blocks } = await indexTargets(targets, isIndexedByName);
  const index = await unlessRefused(() => metadata.verifyIndex(indexDocument(signed, signatures)));
  if (!index) return { documents };
  for (const [number, block] of blocks.entries()) documents.set(number, block);
  return { documents, index };
}

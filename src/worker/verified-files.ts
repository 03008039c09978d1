import { fileRule, headersFor, type ReleaseManifest } from '../release/manifest.js';
import type { Store } from '../store/store.js';
import type { Diagnosis } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import type { Refresher } from '../tuf/refresher.js';
import { diagnose, roomFor } from './diagnosis.js';

/** Gets a target's bytes, checked. */
export type Download = (target: TargetFile) => Promise<Uint8Array>;

/** What decides how a file is downloaded and kept. Without a manifest, the file is the manifest. */
export interface Serving {
  readonly manifest?: ReleaseManifest;
  readonly consistentSnapshot: boolean;
}

/** The hash under which a file, or a chunk of one, is stored. Two with the same bytes share one record. */
export function fileKey({ hashes }: Pick<TargetFile, 'hashes'>): string {
  return hashes.sha256 ?? hashes.sha512 ?? '';
}

/**
 * What it takes to recognise what comes in the place of a file.
 *
 * @param file what was signed
 * @param manifest of its release, if there is one already
 * @param older the files that other releases have under its path
 * @returns how many bytes to read at most, and what says what they are
 */
export function recognition(
  file: TargetFile,
  manifest: ReleaseManifest | undefined,
  older: readonly TargetFile[],
): { readonly maxLength: number; readonly diagnose: (bytes: Uint8Array) => Promise<Diagnosis> } {
  const type = (manifest && headersFor(manifest, file.path).get('content-type')) ?? '';
  return {
    // Room for more than was signed, so that it is recognised instead of cut off.
    maxLength: Math.max(roomFor(file), ...older.map(({ length }) => length)),
    diagnose: (bytes) =>
      diagnose(bytes, file, type, (hash) => older.some((other) => fileKey(other) === hash), manifest?.chunks.get(file.path)),
  };
}

/** Files by hash, from the store or the repository. Nothing leaves here that was not hashed since it came into this life's memory. */
export class VerifiedFiles {
  readonly #store: Store;
  readonly #refresher: () => Refresher;
  readonly #older: (path: string) => Promise<readonly TargetFile[]>;
  readonly #onDamage: (error: unknown) => void;
  /**
   * What matched, and which file. It is a copy in the worker's own memory that nobody writes to; no page reaches it, however much of the store it alters
   * meanwhile.
   */
  readonly #matched = new WeakMap<Uint8Array, TargetFile>();

  /**
   * @param store where files are kept
   * @param refresher makes what downloads and checks
   * @param older the files that other releases have under a target path, to recognise them by
   * @param onDamage told of what was wrong with the store; it is healed all the same
   */
  constructor(
    store: Store,
    refresher: () => Refresher,
    older: (path: string) => Promise<readonly TargetFile[]>,
    onDamage: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#refresher = refresher;
    this.#older = older;
    this.#onDamage = onDamage;
  }

  /** From now on what is stored is read and hashed again, also what this life has in memory. */
  reread(): void {
    this.#store.rereadFiles();
  }

  /** The hashes under which something is stored. Never rejects. */
  stored(): Promise<ReadonlySet<string>> {
    return this.#store.storedHashes();
  }

  /**
   * Reads what is stored under a file's hash. A page script that alters what is stored costs a download, no more.
   *
   * @param file or chunk
   * @returns bytes that match; undefined when there are none
   */
  async load(file: TargetFile): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#store.loadFile(fileKey(file));
      if (!bytes) return undefined;
      if (this.#matched.get(bytes) !== file) {
        await checkFile(bytes, file, { path: file.path });
        this.#matched.set(bytes, file);
      }
      return bytes;
    } catch (error) {
      this.#onDamage(error);
      return undefined;
    }
  }

  /**
   * Reads a file: from the store, else from the repository; then it is stored for the next time, unless the manifest says otherwise.
   *
   * @param serving of the file's release
   * @param file as the signed metadata lists it
   * @throws what a download throws
   */
  async read(serving: Serving, file: TargetFile): Promise<Uint8Array> {
    const isKept = !serving.manifest || fileRule(serving.manifest, file.path).keep !== 'network-only';
    const stored = isKept && (await this.load(file));
    if (stored) return stored;
    const bytes = await this.download(serving, file);
    if (isKept) await this.save(file, bytes);
    return bytes;
  }

  /** Stores bytes that were checked. A store that cannot take them is no reason not to use them. */
  async save(file: TargetFile, bytes: Uint8Array): Promise<void> {
    await this.#store.saveFiles(new Map([[fileKey(file), bytes]])).catch(this.#onDamage);
  }

  /** The same for a chunk of a large file. */
  async saveChunk(piece: Pick<TargetFile, 'hashes'>, bytes: Uint8Array): Promise<void> {
    await this.#store.saveChunks(new Map([[fileKey(piece), bytes]])).catch(this.#onDamage);
  }

  /**
   * A file from the repository.
   *
   * @param serving of the file's release
   * @param file as the signed metadata lists it
   * @throws `mismatch` with a diagnosis, `unreachable`, `redirected`, `too-long`, `too-slow`, `malformed`
   */
  async download({ manifest, consistentSnapshot }: Serving, file: TargetFile): Promise<Uint8Array> {
    const known = recognition(file, manifest, await this.#older(file.path));
    return this.#refresher().downloadTarget(file, consistentSnapshot, known.maxLength, known.diagnose);
  }
}

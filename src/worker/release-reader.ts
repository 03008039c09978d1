import type { WorkerConfig } from '../release/config.js';
import type { ReleaseRecord, Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { FileDigest, TargetFile } from '../tuf/file.js';
import { TargetsIndex } from '../tuf/targets-index.js';
import { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { type Release, releaseOf, restore, type Verified } from './release.js';
import { TargetFiles } from './target-files.js';
import type { Download } from './verified-files.js';
import type { ViolationLog } from './violation-log.js';

/** Where a reader gets what a stored release is made of, checked. */
export interface ReleaseSources {
  readonly store: Store;
  /** Told of what was wrong with it. */
  readonly violations: ViolationLog;
  /** A release manifest. */
  readonly manifest: (file: TargetFile, consistentSnapshot: boolean) => ReturnType<Download>;
  /** Targets metadata that was lost, from the repository. @throws what a download throws */
  readonly targets: (version: number, listed: FileDigest, consistentSnapshot: boolean) => Promise<Uint8Array>;
}

/** Reads stored releases. What is stored is believed only once it is verified, from the compiled-in roots on. */
export class ReleaseReader {
  /** What the repository has sent since, by version; verified with the rest. */
  storedRoots: ReadonlyMap<number, Uint8Array> = new Map();
  readonly #config: Pick<WorkerConfig, 'roots'>;
  readonly #sources: ReleaseSources;
  #first: Promise<TrustedMetadata> | undefined;

  /**
   * @param config the worker's configuration
   * @param sources where releases are
   */
  constructor(config: Pick<WorkerConfig, 'roots'>, sources: ReleaseSources) {
    this.#config = config;
    this.#sources = sources;
  }

  /** The compiled-in root metadata, oldest first. Not read before it is asked for: a worker that throws while it starts is one that the browser passes by. */
  get roots(): readonly Uint8Array[] {
    return this.#config.roots.map((root) => new TextEncoder().encode(root));
  }

  /**
   * The trust in the oldest compiled-in root, which is verified once in a life of the worker for all that is stored: no page reaches what is compiled in, nor
   * this life's memory.
   *
   * @returns it, to be started again from and nothing else
   * @throws as `TrustedMetadata.fromRoot`; then the next call tries again
   */
  trustedFirst(): Promise<TrustedMetadata> {
    if (!this.#first) {
      this.#first = TrustedMetadata.fromRoot(this.roots[0] ?? new Uint8Array(), Date.now());
      this.#first.catch(() => {
        this.#first = undefined;
      });
    }
    return this.#first;
  }

  /**
   * @param key what the release is stored under
   * @param record what is stored
   * @returns the release; undefined when it may not run, which is recorded. Never rejects
   */
  async read(key: string, record: ReleaseRecord): Promise<Release | undefined> {
    const { manifest, violations } = this.#sources;
    try {
      const verified = await this.verify(key, record);
      const { consistentSnapshot } = verified.newest;
      const targets = this.targetsOf(key, verified);
      const release = await releaseOf(verified, targets, (file) => manifest(file, consistentSnapshot), key);
      // A script of the page can exchange records: a page must not get files of another release under the name of its own. The first worker's keys
      // were no ids.
      if (release.id !== key && /^\d+-/.test(key)) {
        const facts = { expected: key, actual: release.id };
        throw new VouchsafeError('storage', 'A stored release has the name of another one.', facts);
      }
      // That the worker is to go, only the repository says, now: what is stored may be an old word, put back.
      return release.manifest.tombstone ? undefined : release;
    } catch (error) {
      await violations.record(error, 'storage');
      return undefined;
    }
  }

  /**
   * By the metadata alone, without the manifest.
   *
   * @throws what `restore` throws
   */
  async verify(key: string, record: ReleaseRecord): Promise<Verified> {
    const first = await this.trustedFirst();
    const loadTargets = () => this.#sources.store.loadDocument(key, 'targets');
    return restore(first, this.roots.slice(1), this.storedRoots, record, loadTargets, Date.now());
  }

  /** The files of a stored release that was verified. */
  targetsOf(key: string, { newest, listing }: Verified): TargetFiles {
    if (!(listing instanceof TargetsIndex)) return TargetFiles.of(listing.files);
    const { store, violations, targets } = this.#sources;
    const onDamage = (error: unknown): void => void violations.record(error, 'storage');
    return TargetFiles.indexed(listing, {
      load: (name) => store.loadDocument(key, name),
      save: (documents) => store.saveDocuments(key, documents).catch(onDamage),
      download: () => targets(listing.version, listing.targets, newest.consistentSnapshot),
      onDamage,
    });
  }
}

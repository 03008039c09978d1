import type { TargetFile } from './file.js';
import { type MetadataStore, Refresher, type UpdaterOptions } from './refresher.js';
import { TargetSearch } from './target-search.js';
import type { TrustedMetadata } from './trusted-metadata.js';

// What a user of the client needs besides the Updater; this file is the package's entry `vouchsafe/tuf`.
export type { ByteStream, FetchFunction, FetchResponse } from './download.js';
export { type ErrorCode, type ErrorFacts, VouchsafeError } from './errors.js';
export type { FileDigest, Hashes, TargetFile } from './file.js';
export { DEFAULT_LIMITS, type Limits } from './limits.js';
export type { MetadataStore, UpdaterOptions } from './refresher.js';
export type { TrustedMetadata } from './trusted-metadata.js';

/** A TUF client (specification 5). */
export class Updater {
  readonly #store: MetadataStore;
  readonly #refresher: Refresher;
  #search: TargetSearch | undefined;

  /** @param options the trusted root, where the repository is and where to keep its metadata */
  constructor(options: UpdaterOptions) {
    this.#store = options.store;
    this.#refresher = new Refresher(options);
  }

  /**
   * Brings all top-level metadata up to date (specification 5.1 to 5.6). Each role is saved as soon as it is trusted, so what came before
   * a failure stays; nothing refused is saved; what is in the store, expired, damaged or gone, never stands in the way of newer metadata.
   * Calls while one is under way share it.
   *
   * @returns everything now trusted
   * @throws `unreachable`, `redirected`, `too-long`, `too-slow`, and all that `TrustedMetadata` refuses
   */
  refresh(): Promise<TrustedMetadata> {
    return this.#refresher.refresh();
  }

  /**
   * Looks a target up (specification 5.6.7), after a refresh if there was none yet. Delegated roles that may list it are loaded, and saved as
   * soon as they are trusted; once loaded, they are looked up until the next refresh without asking anybody.
   *
   * @param path target path
   * @returns what the signed metadata lists, or undefined
   * @throws as `refresh` does; also what a delegated role on the way is refused for
   */
  async findTarget(path: string): Promise<TargetFile | undefined> {
    const trusted = this.#refresher.trusted ?? (await this.#refresher.refresh());
    // Nobody comes before the top-level targets.
    const file = trusted.targets?.files.get(path);
    if (file) return file;
    if (this.#search?.trusted !== trusted) this.#search = new TargetSearch(trusted, this.#refresher, this.#store);
    return await this.#search.find(path);
  }

  /**
   * Downloads a target and checks it (specification 5.7.3).
   *
   * @param target what `findTarget` returned, or what metadata trusted earlier lists
   * @param consistentSnapshot whether the file's name carries its hash; by default as the refreshed root says, after a refresh if there
   *   was none yet
   * @param maxLength bytes to accept before giving up. More than the target's length accepts nothing more, but lets the `mismatch` say
   *   what came instead
   * @returns its bytes
   * @throws `mismatch`, `malformed` for a path that cannot be asked for, `unreachable`, `redirected`, `too-long`, `too-slow`
   */
  downloadTarget(target: TargetFile, consistentSnapshot?: boolean, maxLength?: number): Promise<Uint8Array> {
    return this.#refresher.downloadTarget(target, consistentSnapshot, maxLength);
  }
}

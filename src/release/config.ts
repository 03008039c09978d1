/**
 * The worker's configuration: everything that is compiled into the worker script besides the library. It holds nothing that changes
 * from one release of the app to the next, so that the script stays byte-identical between releases.
 */
export interface WorkerConfig {
  /**
   * The trusted root metadata, as JSON texts exactly as signed: every version, oldest first. The newest is what is trusted; those before
   * it only open a stored release that was signed in their day.
   */
  readonly roots: readonly string[];
  /** Where the TUF metadata is, relative to the worker's scope, with a trailing slash. */
  readonly metadata: string;
  /** Where the TUF targets are, relative to the worker's scope, with a trailing slash. */
  readonly targets: string;
  /** Path prefixes (absolute, starting with `/`) that go to the network, for data only (an API). */
  readonly passthrough: readonly string[];
}

/** The name of the worker script, at the root of its scope. */
export const WORKER_SCRIPT = 'vouchsafe-worker.js';
/** The name of the loader script, at the root of the scope. */
export const LOADER_SCRIPT = 'vouchsafe-loader.js';
/** The name of the script with Ed25519 in JavaScript, at the root of the scope. */
export const ED25519_SCRIPT = 'vouchsafe-ed25519.js';
/** The folder under the scope that holds the TUF repository. */
export const REPOSITORY_FOLDER = 'vouchsafe/';
/** Default of `WorkerConfig.metadata`. */
export const METADATA_FOLDER = 'vouchsafe/metadata/';
/** Default of `WorkerConfig.targets`. */
export const TARGETS_FOLDER = 'vouchsafe/targets/';

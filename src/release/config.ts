/**
 * The worker's configuration: everything that is compiled into the worker script besides the library. It holds nothing that changes
 * from one release of the app to the next, so that the script stays byte-identical between releases.
 */
export interface WorkerConfig {
  /**
   * Names the bytes of the worker script: one who has this name has these bytes. `publish` writes it as the first field of
   * the script's first line, where the script on the server is told from the one that runs. Without it nobody can.
   */
  readonly build?: string;
  /**
   * The trusted root metadata, as JSON texts exactly as signed: every version, oldest first. The newest is what is trusted; those before
   * it only open a stored release that was signed in their day.
   */
  readonly roots: readonly string[];
  /** Where the TUF metadata is, relative to the worker's scope, with a trailing slash; several for mirrors, in the order to ask them. */
  readonly metadata: string | readonly string[];
  /** Where the TUF targets are, in the same way. */
  readonly targets: string | readonly string[];
  /** Path prefixes (absolute, starting with `/`) that go to the network, for data only (an API). */
  readonly passthrough: readonly string[];
  /**
   * Whether requests go to the network and what would have been refused is only reported, but for the paths that the signed manifest's
   * `enforce` names. Fixed here, since before the first release nothing signed could say it.
   */
  readonly reportOnly?: boolean;
}

/**
 * How a worker script begins that `publish` writes.
 *
 * @param build its `WorkerConfig.build`
 */
export function scriptStart(build: string): string {
  return `self.vouchsafe={"build":${JSON.stringify(build)}`;
}

/** The name of the worker script, at the root of its scope. */
export const WORKER_SCRIPT = 'vouchsafe-worker.js';
/** The name of the loader script, at the root of the scope. */
export const LOADER_SCRIPT = 'vouchsafe-loader.js';
/** The name of the loader page as a target. It is served at the URL of every page. */
export const LOADER_PAGE = 'vouchsafe-loader.html';
/** The folder under the scope that holds the TUF repository. */
export const REPOSITORY_FOLDER = 'vouchsafe/';
/** Default of `WorkerConfig.metadata`. */
export const METADATA_FOLDER = 'vouchsafe/metadata/';
/** Default of `WorkerConfig.targets`. */
export const TARGETS_FOLDER = 'vouchsafe/targets/';
/** Under the scope: the status page, a target of every release. */
export const STATUS_PAGE = 'vouchsafe/index.html';
/** Under the scope: what the status page shows, as JSON, answered by the worker. */
export const STATUS_DATA = 'vouchsafe/status.json';
/** Under the scope: where a person resets the app, answered by the worker. */
export const RESET_PAGE = 'vouchsafe/reset';

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  LOADER_PAGE,
  LOADER_SCRIPT,
  METADATA_FOLDER,
  RESET_PAGE,
  STATUS_DATA,
  STATUS_PAGE,
  scriptStart,
  TARGETS_FOLDER,
  WORKER_SCRIPT,
  type WorkerConfig,
} from '../release/config.js';
import { isSystemError, PublisherError } from './publisher-error.js';

/** The built scripts and the loader page, next to this module's folder in the package. */
const BUNDLES = fileURLToPath(new URL('../bundles/', import.meta.url));

/** Hexadecimal digits of SHA-256 that name a worker script: nobody but the signers writes them. */
const BUILD_DIGITS = 32;

/** What the part of the output that is not TUF is made from. */
export interface SiteOptions {
  /** Path that the site is deployed under, with a slash at both ends. */
  readonly base: string;
  /** Path prefixes that go to the network, for data. */
  readonly passthrough: readonly string[];
  /** Every version of the root metadata, as signed, oldest first. */
  readonly roots: readonly Uint8Array[];
  /** Other servers that have the same output, as absolute URLs of the folder, with a trailing slash. */
  readonly mirrors: readonly string[];
  /** Whether the worker only reports what it would have refused. */
  readonly reportOnly: boolean;
  /** Folder with `worker.js`, `loader.js`, `loader.html` and `status.html`; the package's own by default. */
  readonly bundles?: string | undefined;
}

/** A file of the output. */
export interface SiteFile {
  /** Relative to the output folder, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Our own part of a site. */
export interface OwnFiles {
  /**
   * The scripts, which browsers get at their URLs without the worker. They are targets too, so that a replaced one can be told from a new one of ours.
   */
  readonly scripts: readonly SiteFile[];
  readonly loaderPage: SiteFile;
  readonly statusPage: SiteFile;
}

/**
 * Our own files. None of them depends on what is in the app's files, so that they stay as they are from release to release.
 *
 * @param options see there
 * @returns the files, at the paths that they have as targets
 * @throws `bad-project` when the package has not been built
 */
export async function ownFiles(options: SiteOptions): Promise<OwnFiles> {
  const bundles = options.bundles ?? BUNDLES;
  const [worker, loader, page, status] = await Promise.all([
    readBundle(bundles, 'worker.js'),
    readBundle(bundles, 'loader.js'),
    readBundle(bundles, 'loader.html'),
    readBundle(bundles, 'status.html'),
  ]);
  return {
    scripts: [
      { path: WORKER_SCRIPT, bytes: Buffer.from(workerScript(options, worker)) },
      { path: LOADER_SCRIPT, bytes: Buffer.from(loader) },
    ],
    loaderPage: { path: LOADER_PAGE, bytes: Buffer.from(page.replaceAll('__BASE__', () => escapeHtml(options.base))) },
    statusPage: { path: STATUS_PAGE, bytes: Buffer.from(status) },
  };
}

/**
 * Checks a base path.
 *
 * @param base as given
 * @returns the same
 * @throws `bad-option` when it is not an absolute URL path with a slash at both ends
 */
export function checkBase(base: string): string {
  if (base.startsWith('.') || base === '') {
    throw new PublisherError(
      'bad-option',
      `The base ${JSON.stringify(base)} is relative, but a service worker needs a fixed scope; use an absolute path such as /app/.`,
    );
  }
  if (!isUrlPath(base) || !base.endsWith('/')) {
    throw new PublisherError(
      'bad-option',
      `The base ${JSON.stringify(base)} must be a path with a slash at both ends, such as / or /app/.`,
    );
  }
  return base;
}

/** Ours that pages ask for: under a prefix the status page, for one, would be refused. */
const OWN_PATHS = [WORKER_SCRIPT, LOADER_SCRIPT, LOADER_PAGE, STATUS_PAGE, RESET_PAGE, STATUS_DATA];

/**
 * Checks passthrough prefixes: what they name goes to the network, so none may name the app itself.
 *
 * @param prefixes as given
 * @param base the checked base
 * @param paths target paths of the release
 * @returns the prefixes, sorted and without repetitions, so that their order does not change the worker
 * @throws `bad-option`
 */
export function checkPassthrough(prefixes: readonly string[], base: string, paths: readonly string[]): string[] {
  for (const prefix of prefixes) {
    if (!isUrlPath(prefix)) {
      throw new PublisherError(
        'bad-option',
        `The passthrough prefix ${JSON.stringify(prefix)} must be an absolute URL path such as /api/.`,
      );
    }
    if (base.startsWith(prefix)) {
      throw new PublisherError(
        'bad-option',
        `The passthrough prefix ${prefix} covers the whole app, so nothing would be verified; name the path of the API.`,
      );
    }
    const covered = [...paths, ...OWN_PATHS].find((path) => urlPath(base, path).startsWith(prefix));
    if (covered !== undefined) {
      throw new PublisherError(
        'bad-option',
        `The passthrough prefix ${prefix} covers the file ${covered}, which would not be verified; name the path of the API alone.`,
      );
    }
  }
  return [...new Set(prefixes)].sort();
}

/**
 * Checks where the mirrors are. A browser asks nobody over plain HTTP from a page that came over HTTPS; on this machine it does.
 *
 * @param mirrors as given
 * @returns their URLs, in the same order, without repetitions
 * @throws `bad-option` when one is not an absolute URL of a folder, over HTTPS or on localhost
 */
export function checkMirrors(mirrors: readonly string[]): string[] {
  for (const mirror of mirrors) {
    const url = URL.canParse(mirror) ? new URL(mirror) : undefined;
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost');
    if (!isSafe || url?.href !== mirror || !url.pathname.endsWith('/') || url.search !== '' || url.hash !== '') {
      throw new PublisherError(
        'bad-option',
        `The mirror ${JSON.stringify(mirror)} must be the absolute URL of a folder, such as https://mirror.example/app/.`,
      );
    }
  }
  return [...new Set(mirrors)];
}

/** The fields stand in a fixed order, so that the same configuration is the same script. */
function workerScript(options: SiteOptions, worker: string): string {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const config: WorkerConfig = {
    roots: options.roots.map((root) => utf8.decode(root)),
    metadata: withMirrors(METADATA_FOLDER, options.mirrors),
    targets: withMirrors(TARGETS_FOLDER, options.mirrors),
    passthrough: options.passthrough,
    ...(options.reportOnly && { reportOnly: true }),
  };
  const build = createHash('sha256')
    .update(JSON.stringify([config, worker]))
    .digest('hex')
    .slice(0, BUILD_DIGITS);
  return `${scriptStart(build)},${JSON.stringify(config).slice(1)};\n${worker}`;
}

/** The site itself is asked first. */
function withMirrors(folder: string, mirrors: readonly string[]): string | string[] {
  return mirrors.length === 0 ? folder : [folder, ...mirrors.map((mirror) => mirror + folder)];
}

/** Whether a text is an absolute path as a URL parser gives it: no dot segments, query, fragment or characters that it would encode. */
function isUrlPath(path: string): boolean {
  return (
    path.startsWith('/') &&
    !path.includes('//') &&
    !path.includes('\\') &&
    new URL(path, 'https://vouchsafe.invalid').pathname === path
  );
}

function urlPath(base: string, path: string): string {
  return new URL(base + path.split('/').map(encodeURIComponent).join('/'), 'https://vouchsafe.invalid').pathname;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

async function readBundle(folder: string, name: string): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT'))
      throw new PublisherError('bad-project', `The built file ${name} is missing from ${folder}; run: npm run build`, error);
    throw error;
  }
}

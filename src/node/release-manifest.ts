import { lookup } from 'mrmime';
import {
  type Chunks,
  fileRule,
  type HeaderRule,
  MANIFEST_FORMAT,
  parseManifest,
  type ReleaseManifest,
} from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkRoutes } from './check-routes.js';
import type { Rules } from './delivery.js';
import { PublisherError } from './publisher-error.js';
import { isPage } from './scan-folder.js';
import { type ServingConfig, servingFields } from './serving-config.js';

/** What the person who publishes may say about how the files are served. */
export interface ServingOptions extends ServingConfig {
  /** Path that the site is deployed under, with a slash at both ends; `/` by default. */
  readonly base?: string | undefined;
  /** Target served for navigations to unlisted paths; `false` for none; undefined to let the files decide. */
  readonly fallback?: string | false | undefined;
  /** Response headers, after our own rule. */
  readonly headers?: readonly HeaderRule[] | undefined;
  /** How long the app may run without reaching the repository after its metadata has expired, in seconds. */
  readonly offlineSeconds?: number | undefined;
}

/** The file served for a directory URL. */
const INDEX = 'index.html';

/** 14 days: twice the life of a timestamp, so that a holiday without network does not lock anybody out, and a withheld update shows within weeks. */
const OFFLINE_SECONDS = 14 * 24 * 60 * 60;

const OWN_RULES: readonly HeaderRule[] = [
  {
    path: '**',
    set: {
      // A file that the signers call text must not be run because a browser guesses that it is a script.
      'x-content-type-options': 'nosniff',
      // Browsers load <object> and <embed> past the service worker, so nothing verifies what they show.
      'content-security-policy': "object-src 'none'",
    },
  },
];
const DEFAULT_TYPE = 'application/octet-stream';
// What mrmime does not know, or knows by a name that browsers refuse to run with nosniff.
const OWN_TYPES = new Map([
  ['cjs', 'text/javascript'],
  ['ico', 'image/x-icon'],
]);

/**
 * Writes the release manifest for a list of files.
 *
 * @param paths target paths, without the manifest's own
 * @param otherEncoding those of them that are not UTF-8
 * @param options what the person who publishes said
 * @param rules what policy and delivery put in
 * @param chunks the hashes of the pieces of large files, by target path
 * @param codeCache target paths of the scripts that browsers shall keep compiled
 * @returns the bytes of the target `vouchsafe.json`: the same for the same files and options, on any machine
 * @throws `bad-option` for pages that are not among the files, headers that no manifest may have, and as `servingFields`
 */
export function releaseManifest(
  paths: readonly string[],
  otherEncoding: readonly string[],
  options: ServingOptions,
  rules: Rules,
  chunks: ReadonlyMap<string, Chunks> = new Map(),
  codeCache: readonly string[] = [],
): Uint8Array {
  const fallback = chooseFallback(paths, options.fallback);
  const offlineSeconds = options.offlineSeconds ?? OFFLINE_SECONDS;
  if (!Number.isSafeInteger(offlineSeconds) || offlineSeconds < 0) {
    throw new PublisherError('bad-option', `The offline allowance cannot be ${offlineSeconds} seconds.`);
  }
  const serving = servingFields(paths, options.base ?? '/', INDEX, fallback, options);
  const json = {
    vouchsafe: MANIFEST_FORMAT,
    navigation: serving.navigation,
    content_types: contentTypes(paths),
    headers: [...OWN_RULES, ...withoutCharset(otherEncoding), ...rules.policies, ...(options.headers ?? []), ...rules.lastHeaders],
    offline_seconds: offlineSeconds,
    files: [...serving.files, ...rules.lastFiles],
    ...serving.others,
    ...(chunks.size > 0 && { chunks: Object.fromEntries(chunks) }),
    ...(codeCache.length > 0 && { code_cache: codeCache }),
    ...rules.fields,
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
  const manifest = readBack(bytes);
  checkOffline(manifest);
  checkRoutes(manifest, paths, options.base ?? '/');
  return bytes;
}

/** The worker's own reader decides whether this is a manifest. A mistake in the options shows here, not in every browser. */
function readBack(bytes: Uint8Array): ReleaseManifest {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (!(error instanceof VouchsafeError)) throw error;
    const hint = 'each rule is { "path", "set" }, header names are in lower case, values are one line of Latin-1 text';
    throw new PublisherError(
      'bad-option',
      `These options cannot be published: ${error.message.replace(/\.$/, '')}; for headers, ${hint}.`,
      error,
    );
  }
}

/** It is for the moment when nothing can be downloaded. */
function checkOffline(manifest: ReleaseManifest): void {
  const { offline } = manifest.navigation;
  if (offline === undefined) return;
  const { keep, optional } = fileRule(manifest, offline);
  if (keep !== 'precache' || optional) {
    throw new PublisherError(
      'bad-option',
      `The offline page ${offline} would not be there when it is needed; add the file rule { "path": ${JSON.stringify(offline)}, "keep": "precache" } at the end, or set navigation.offline to false.`,
    );
  }
}

/**
 * The page for unknown paths. One page named index.html is a single-page app, whose router owns every path. With more pages an unknown path is a
 * mistake, and says so.
 *
 * @param paths target paths
 * @param wanted as in `ServingOptions`
 * @returns its target path, or undefined for none
 * @throws `bad-option` for a page that is not among the files
 */
export function chooseFallback(paths: readonly string[], wanted: string | false | undefined): string | undefined {
  if (wanted === false) return undefined;
  if (wanted === undefined) {
    const pages = paths.filter(isPage);
    return pages.length === 1 && pages[0] === INDEX ? INDEX : undefined;
  }
  if (!paths.includes(wanted)) throw new PublisherError('bad-option', `The fallback ${wanted} is not among the files to publish.`);
  return wanted;
}

function contentTypes(paths: readonly string[]): { [extension: string]: string } {
  const types = new Map<string, string>();
  for (const path of paths) {
    const extension = extensionOf(path);
    types.set(extension, contentType(extension));
  }
  const sorted = [...types].filter(([, type]) => type !== DEFAULT_TYPE).sort(([a], [b]) => (a < b ? -1 : 1));
  // The manifest is JSON read by `parseJson`, which has no trouble with a file called x.__proto__; fromEntries makes it an own property.
  return Object.fromEntries([...sorted, ['', DEFAULT_TYPE]]);
}

/** Text in an older encoding says so itself, in a meta element or not at all; a charset in the header would overrule it with the wrong one. */
function withoutCharset(paths: readonly string[]): HeaderRule[] {
  return paths.flatMap((path) => {
    const [type = '', charset] = contentType(extensionOf(path)).split('; ');
    if (charset === undefined) return [];
    // The rule names one file; a star in it would name others.
    if (path.includes('*'))
      throw new PublisherError('bad-input', `${path} is not UTF-8 text, and has a * in its name; change one of the two.`);
    return [{ path, set: { 'content-type': type } }];
  });
}

/**
 * @param path target path
 * @returns its extension in lower case, without the dot; empty when it has none
 */
export function extensionOf(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
}

/**
 * The content type of a file extension, with a charset for text: without one a browser guesses, and may guess differently offline.
 *
 * @param extension lower-case, without the dot
 */
export function contentType(extension: string): string {
  // `lookup` reads a plain object: for "constructor" it finds a function.
  const known: unknown = OWN_TYPES.get(extension) ?? lookup(extension);
  const type = typeof known === 'string' ? known : DEFAULT_TYPE;
  const isText = type.startsWith('text/') || type === 'application/xml' || type === 'image/svg+xml';
  return isText ? `${type}; charset=utf-8` : type;
}

import type { Activation, FileRule, Keep, Redirect } from '../release/manifest.js';
import { matches } from '../release/manifest.js';
import { PublisherError } from './publisher-error.js';

/** What holds for the files that a pattern names. */
export interface FileOptions {
  /** Target path pattern: `*` matches within a folder, `**` across folders. */
  readonly path: string;
  /** `precache` by default. */
  readonly keep?: Keep | undefined;
  /** Whether a release may become active although such a file is missing. */
  readonly optional?: boolean | undefined;
}

/** A URL path that is answered with a redirect. */
export interface RedirectOptions extends Pick<Redirect, 'from' | 'to'> {
  /** 301 by default. */
  readonly status?: Redirect['status'] | undefined;
}

/** How URLs lead to files, besides the fallback. */
export interface NavigationOptions {
  /** Patterns of the URL paths that the fallback is for; without any, for all. */
  readonly allow?: readonly string[] | undefined;
  /** Patterns of the URL paths that the fallback is not for. */
  readonly deny?: readonly string[] | undefined;
  /** Page shown with status 404, or `false` for none. By default the app's 404.html, when there is no fallback. */
  readonly notFound?: string | false | undefined;
  /** Page shown for one that is not stored and cannot be downloaded now, or `false` for none. By default the app's offline.html. */
  readonly offline?: string | false | undefined;
  /** Whether `/about` leads to `about.html`. */
  readonly cleanUrls?: boolean | undefined;
  /** Whether the URLs of pages get a slash at the end, or lose it. */
  readonly trailingSlash?: 'always' | 'never' | undefined;
  readonly redirects?: readonly RedirectOptions[] | undefined;
}

/** Where violations are reported to. */
export interface ReportingOptions {
  /** HTTPS, HTTP on localhost, or a path below the base. */
  readonly url: string;
  /** How many of 100 clients report, 1 to 100; all by default. */
  readonly samplePercent?: number | undefined;
}

/** What the person who publishes may say about releases in browsers: when they come, what is stored, and what URLs lead to. */
export interface ServingConfig {
  /** When a release becomes the active one; `navigation` by default. */
  readonly activation?: Activation | undefined;
  /** Least time between two looks for a newer release that nobody asked for, in seconds. */
  readonly lookSeconds?: number | undefined;
  /** Rules for what is downloaded when. Of those that match a file, the last one wins. */
  readonly files?: readonly FileOptions[] | undefined;
  readonly navigation?: NavigationOptions | undefined;
  readonly reporting?: ReportingOptions | undefined;
  /** Files of at least this many bytes are signed piece by piece as well, so that they can be shown as they come; `false` for none. 1 MiB by default. */
  readonly chunkFrom?: number | false | undefined;
  /**
   * Patterns of target paths of classic scripts that browsers shall keep compiled; `false` for none. By default those of at least 128 KiB that a page names.
   */
  readonly codeCache?: readonly string[] | false | undefined;
}

/** What a `ServingConfig` puts into the release manifest, under the names that it has there. */
export interface ServingFields {
  readonly navigation: { readonly [name: string]: unknown };
  readonly files: readonly FileRule[];
  /** Fields that are there when they say something. */
  readonly others: { readonly [name: string]: unknown };
}

const NOT_FOUND = '404.html';
const OFFLINE = 'offline.html';
const CHUNK_FROM = 1024 * 1024;
/** When a release may become the active one. */
export const ACTIVATIONS: readonly Activation[] = ['navigation', 'prompt', 'immediate'];
const KEEPS: readonly Keep[] = ['precache', 'on-demand', 'network-only'];
const STATUSES: readonly Redirect['status'][] = [301, 302, 303, 307, 308];
const SLASHES = ['always', 'never'] as const;

/**
 * Checks what the person who publishes said, and fills in the defaults.
 *
 * @param paths target paths of the app's files
 * @param base path that the site is deployed under
 * @param index file served for a directory URL
 * @param fallback page for unknown paths, if any
 * @param config what the person said
 * @returns the fields of the manifest
 * @throws `bad-option`
 */
export function servingFields(
  paths: readonly string[],
  base: string,
  index: string,
  fallback: string | undefined,
  config: ServingConfig,
): ServingFields {
  const { activation = 'navigation', lookSeconds } = config;
  oneOf(activation, ACTIVATIONS, 'activation');
  if (lookSeconds !== undefined && !(Number.isSafeInteger(lookSeconds) && lookSeconds >= 0))
    throw bad(`The option lookSeconds cannot be ${show(lookSeconds)}; it is a whole number of seconds, 0 for every time.`);
  return {
    navigation: navigationFields(paths, base, index, fallback, config.navigation ?? {}),
    files: list(config.files, 'files').map(fileRuleOf),
    others: {
      ...(activation !== 'navigation' && { activation }),
      ...(lookSeconds !== undefined && { look_seconds: lookSeconds }),
      ...(config.reporting !== undefined && { reporting: reportingFields(config.reporting, base) }),
    },
  };
}

/**
 * @param config what the person said
 * @returns least bytes of a file that is signed piece by piece
 * @throws `bad-option`
 */
export function chunkLimit({ chunkFrom = CHUNK_FROM }: Pick<ServingConfig, 'chunkFrom'>): number {
  if (chunkFrom === false) return Number.POSITIVE_INFINITY;
  if (!(Number.isSafeInteger(chunkFrom) && chunkFrom > 0))
    throw bad(`The option chunkFrom cannot be ${show(chunkFrom)}; it is a number of bytes above 0, or false for no chunks.`);
  return chunkFrom;
}

/**
 * @param paths target paths of the app's files
 * @param config what the person said, checked by `servingFields`
 * @returns one sentence for each pattern that names nothing: almost always a misspelt one
 */
export function servingWarnings(paths: readonly string[], { files = [] }: ServingConfig): string[] {
  return files
    .filter(({ path }) => !paths.some((candidate) => matches(path, candidate)))
    .map(({ path }) => `The file rule for ${path} matches no file.`);
}

/**
 * Refuses an object with names that are not known: a misspelt option would silently do nothing.
 *
 * @param value anything
 * @param what the object is, for the message
 * @param known its names
 * @throws `bad-option`
 */
export function checkNames(value: unknown, what: string, known: readonly string[]): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw bad(`The ${what} must be an object with ${known.join(', ')}.`);
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw bad(`The ${what} has no ${show(name)}; there is ${known.join(', ')}.`);
  }
}

function navigationFields(
  paths: readonly string[],
  base: string,
  index: string,
  fallback: string | undefined,
  options: NavigationOptions,
): ServingFields['navigation'] {
  checkNames(options, 'option navigation', [
    'allow',
    'deny',
    'notFound',
    'offline',
    'cleanUrls',
    'trailingSlash',
    'redirects',
  ] satisfies (keyof NavigationOptions)[]);
  const allow = list(options.allow, 'navigation.allow');
  const deny = list(options.deny, 'navigation.deny');
  for (const pattern of [...allow, ...deny]) text(pattern, 'pattern of navigation.allow or navigation.deny');
  const notFound = page(paths, 'notFound', options.notFound, fallback === undefined ? NOT_FOUND : undefined);
  const offline = page(paths, 'offline', options.offline, OFFLINE);
  const { cleanUrls = false, trailingSlash } = options;
  if (typeof cleanUrls !== 'boolean') throw bad(`The option navigation.cleanUrls is true or false, not ${show(cleanUrls)}.`);
  if (trailingSlash !== undefined) oneOf(trailingSlash, SLASHES, 'navigation.trailingSlash');
  const redirects = list(options.redirects, 'navigation.redirects').map((redirect) => checkRedirect(redirect, base));
  return {
    index,
    ...(fallback !== undefined && { fallback }),
    ...(allow.length > 0 && { allow }),
    ...(deny.length > 0 && { deny }),
    ...(notFound !== undefined && { not_found: notFound }),
    ...(offline !== undefined && { offline }),
    ...(cleanUrls && { clean_urls: true }),
    ...(trailingSlash !== undefined && { trailing_slash: trailingSlash }),
    ...(redirects.length > 0 && { redirects }),
  };
}

function page(
  paths: readonly string[],
  name: 'notFound' | 'offline',
  wanted: string | false | undefined,
  usual: string | undefined,
): string | undefined {
  if (wanted === false) return undefined;
  if (wanted === undefined) return usual !== undefined && paths.includes(usual) ? usual : undefined;
  if (!paths.includes(wanted))
    throw bad(`The page ${show(wanted)} of navigation.${name} is not among the files to publish; write its path as in the folder.`);
  return wanted;
}

function fileRuleOf(options: FileOptions): FileRule {
  checkNames(options, 'rule of files', ['path', 'keep', 'optional'] satisfies (keyof FileOptions)[]);
  const { path, keep = 'precache', optional = false } = options;
  text(path, 'path of a rule of files');
  oneOf(keep, KEEPS, `keep of the file rule for ${path}`);
  if (typeof optional !== 'boolean') throw bad(`The file rule for ${path} is optional: true or false, not ${show(optional)}.`);
  return { path, keep, optional };
}

function reportingFields(options: ReportingOptions, base: string): { url: string; sample_percent: number } {
  checkNames(options, 'option reporting', ['url', 'samplePercent'] satisfies (keyof ReportingOptions)[]);
  const { url, samplePercent = 100 } = options;
  if (!(Number.isSafeInteger(samplePercent) && samplePercent >= 1 && samplePercent <= 100))
    throw bad(`The option reporting.samplePercent cannot be ${show(samplePercent)}; it is a whole number from 1 to 100.`);
  return { url: address(url, base, 'reporting URL'), sample_percent: samplePercent };
}

function checkRedirect(options: RedirectOptions, base: string): Redirect {
  checkNames(options, 'rule of navigation.redirects', ['from', 'to', 'status'] satisfies (keyof RedirectOptions)[]);
  const { from, to, status = 301 } = options;
  if (typeof from !== 'string' || /^\/|\/\/|[?#\\]|%[\da-f]{2}|(^|\/)\.\.?(\/|$)/i.test(from))
    throw bad(`The redirect from ${show(from)} needs a path such as old/page: decoded, below the base, without query or fragment.`);
  oneOf(status, STATUSES, `status of the redirect from ${from}`);
  return { from, to: address(to, base, `target of the redirect from ${show(from)}`), status };
}

/** @returns a secure URL as it is; a path relative to the base, which is how the manifest names it */
function address(written: string, base: string, what: string): string {
  text(written, what);
  if (URL.canParse(written)) {
    const { protocol, hostname } = new URL(written);
    if (protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))) return written;
  } else {
    const { href: site, origin } = new URL(base, 'https://site.invalid');
    const url = URL.canParse(written, site) ? new URL(written, site) : undefined;
    if (url?.origin === origin && url.href.startsWith(site)) return url.href.slice(site.length);
  }
  throw bad(`The ${what} cannot be ${show(written)}; it is an HTTPS URL (HTTP on localhost) or a path below ${base}.`);
}

function oneOf<Value>(value: Value, known: readonly Value[], what: string): void {
  if (!known.includes(value)) throw bad(`The ${what} cannot be ${show(value)}; it is one of ${known.join(', ')}.`);
}

function text(value: unknown, what: string): void {
  if (typeof value !== 'string' || value === '') throw bad(`The ${what} must be a text, not ${show(value)}.`);
}

function list<Item>(value: readonly Item[] | undefined, what: string): readonly Item[] {
  if (value !== undefined && !Array.isArray(value)) throw bad(`The option ${what} must be a list.`);
  return value ?? [];
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function bad(message: string): PublisherError {
  return new PublisherError('bad-option', message);
}

import { VouchsafeError, withFacts } from '../tuf/errors.js';
import { asArray, asInteger, asObject, asString } from '../tuf/fields.js';
import { type JsonValue, parseJson } from '../tuf/json.js';
import { address, flag, malformed, mapOf, oneOf, optional, pattern, type Read, record, rulesOf, text } from './manifest-fields.js';

/** The target path of the release manifest. */
export const MANIFEST_PATH = 'vouchsafe.json';

/** The manifest format this code reads and writes. */
export const MANIFEST_FORMAT = 1;

/** Response headers for the files that a pattern names. Rules apply in order; a later one wins. */
export interface HeaderRule {
  /** Target path pattern: `*` matches within a segment, `**` across segments. */
  readonly path: string;
  /** Header names (lower case) and their values. */
  readonly set: { readonly [name: string]: string };
}

/** When a file of a release is downloaded and whether it is kept. Always verified. */
export type Keep =
  /** Stored before the release can become active. */
  | 'precache'
  /** Downloaded when it is first asked for, then stored. */
  | 'on-demand'
  /** Downloaded each time, never stored. */
  | 'network-only';

/** What holds for the files that a pattern names. Rules apply in order; of those that match, the last one wins. */
export interface FileRule {
  /** Target path pattern, as in `HeaderRule`. */
  readonly path: string;
  readonly keep: Keep;
  /** Whether a release may become active although a file to precache is missing or wrong. */
  readonly optional: boolean;
}

/** The hashes of the pieces of a large file, so that each can be served as soon as it has come. */
export interface Chunks {
  /** Bytes of every piece but the last. */
  readonly size: number;
  /** SHA-256 of each piece, in order, hex. */
  readonly sha256: readonly string[];
}

/** A URL path that the worker answers with a redirect. */
export interface Redirect {
  /** URL path relative to the scope, as a target path is written: decoded, without a leading slash. */
  readonly from: string;
  /** A path relative to the scope (with query or fragment if need be), percent-encoded, or an absolute URL. */
  readonly to: string;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

/** How URLs lead to files. */
export interface Navigation {
  /** File name served for a directory URL. */
  readonly index: string;
  /** Target path served for navigations to unlisted paths without an extension (a single-page app), if any. */
  readonly fallback?: string;
  /** Patterns of URL paths (relative to the scope, decoded) that the fallback is for; without any, for all. */
  readonly allow: readonly string[];
  /** Patterns of URL paths that the fallback is not for. */
  readonly deny: readonly string[];
  /** Target path served, with status 404, for navigations that lead to no file. */
  readonly notFound?: string;
  /** Target path served, with status 503, for navigations to a file that is not stored and cannot be downloaded now. */
  readonly offline?: string;
  /** Whether `/about` leads to `about.html`. */
  readonly cleanUrls: boolean;
  /** Whether navigations to pages are redirected to the URL with a slash at the end, or without; by default each URL is answered as it is. */
  readonly trailingSlash?: 'always' | 'never';
  readonly redirects: readonly Redirect[];
}

/** When a staged release becomes the active one. */
export type Activation =
  /** At the next navigation. */
  | 'navigation'
  /** When the app says so, or when the active release has expired. */
  | 'prompt'
  /** As soon as it is complete. Pages that are open stay on theirs until they navigate. */
  | 'immediate';

/** What a release says about how its files are served. Signed like any other target. */
export interface ReleaseManifest {
  readonly navigation: Navigation;
  /** Content type by lower-case file extension; the empty extension is the default. */
  readonly contentTypes: ReadonlyMap<string, string>;
  readonly headers: readonly HeaderRule[];
  /** How long the release may run after its metadata has expired while the repository cannot be reached, in seconds. */
  readonly offlineSeconds: number;
  readonly activation: Activation;
  /** Least time between two looks for a newer release that nobody asked for, in seconds. */
  readonly lookSeconds: number;
  readonly files: readonly FileRule[];
  /** By target path. */
  readonly chunks: ReadonlyMap<string, Chunks>;
  /** Target paths of large classic scripts that lie at their own URLs too, from where they are kept as engines like it: with what they compiled. */
  readonly codeCache: ReadonlySet<string>;
  /** Target paths by the absolute URL (on another origin) that they are served for. */
  readonly external: ReadonlyMap<string, string>;
  /** Where violations are reported to, in the Reporting API's format. */
  readonly reporting?: {
    /** Absolute (HTTPS, or on localhost) or relative to the scope. */
    readonly url: string;
    /** How many of 100 clients report. */
    readonly samplePercent: number;
  };
  /** Patterns of target paths that are enforced also where the worker's configuration says to report only. */
  readonly enforce: readonly string[];
  /** Whether this release stands the worker down: it clears what it stored and unregisters. */
  readonly tombstone: boolean;
}

const count: Read<number> = (value, name) => asInteger(value, name, 0);
const sha256 = text(/^[0-9a-f]{64}$/);
// What the Fetch Standard lets a header value hold: no control characters but tab, nothing beyond Latin-1.
const headerValue = text(/^[\t\x20-\x7e\x80-\xff]*$/);
const headerSet = mapOf(headerValue, text(/^[a-z0-9!#$%&'*+.^_`|~-]+$/));
const header = record<HeaderRule>({
  path: pattern,
  set: (value, name) => Object.fromEntries(headerSet(value, name)),
});

/** The number of hashes is checked where the length of the file is known. */
const readChunks = record<Chunks>({
  // From 16 KiB to 8 MiB.
  size: oneOf(...Array.from({ length: 10 }, (_, i) => 2 ** (14 + i))),
  sha256: (value, name) => asArray(value, name).map((hash) => sha256(hash, name)),
});

const readRelease = record<ReleaseManifest & { vouchsafe?: never }>({
  // Looked at before.
  vouchsafe: () => undefined,
  navigation: record<Navigation>({
    index: asString,
    fallback: optional(asString),
    allow: rulesOf(pattern),
    deny: rulesOf(pattern),
    notFound: optional(asString),
    offline: optional(asString),
    cleanUrls: flag,
    trailingSlash: optional(oneOf('always', 'never')),
    redirects: rulesOf(record<Redirect>({ from: asString, to: address, status: oneOf(301, 302, 303, 307, 308) })),
  }),
  activation: optional(oneOf('navigation', 'prompt', 'immediate'), 'navigation'),
  lookSeconds: optional(count, 10),
  files: rulesOf(
    record<FileRule>({
      path: pattern,
      keep: optional(oneOf('precache', 'on-demand', 'network-only'), 'precache'),
      optional: flag,
    }),
  ),
  chunks: optional(mapOf(readChunks), new Map()),
  codeCache: (value = [], name) => new Set(asArray(value, name).map((path) => asString(path, name))),
  external: optional(
    mapOf(asString, (url, name) => {
      // It is compared with what browsers ask for.
      if (address(url, name) !== url || !/^https?:[^#]*$/.test(url)) throw malformed(name);
      return url;
    }),
    new Map(),
  ),
  reporting: optional(
    record({
      url: address,
      samplePercent: optional((value, name) => {
        const percent = count(value, name);
        if (percent > 100) throw malformed(name);
        return percent;
      }, 100),
    }),
  ),
  enforce: rulesOf(pattern),
  tombstone: flag,
  contentTypes: mapOf(headerValue),
  // Any number: the publisher writes one for each page that has a policy of its own.
  headers: (value, name) => asArray(value, name).map((item) => header(item, name)),
  offlineSeconds: count,
});

/**
 * Reads a release manifest. Unlike TUF metadata, an unknown field is an error here: a rule that this worker does not know may be the
 * one that restricts something, so it is not passed over.
 *
 * @param bytes the verified bytes of the target `vouchsafe.json`
 * @returns the manifest
 * @throws `malformed` when it is not one, `unsupported` when its format is newer than this code
 */
export function parseManifest(bytes: Uint8Array): ReleaseManifest {
  try {
    return readManifest(parseJson(bytes));
  } catch (error) {
    throw withFacts(error, { path: MANIFEST_PATH });
  }
}

function readManifest(value: JsonValue): ReleaseManifest {
  const format = asInteger(asObject(value, 'manifest').vouchsafe, 'vouchsafe', 1);
  if (format !== MANIFEST_FORMAT) {
    throw new VouchsafeError('unsupported', 'This worker does not know the format of the release manifest.', {
      expected: `format ${MANIFEST_FORMAT}`,
      actual: `format ${format}`,
    });
  }
  return readRelease(value, 'manifest');
}

/**
 * The headers a file is served with: its content type, then every matching rule in order. Nothing else ever reaches the page.
 *
 * @param manifest the release manifest
 * @param path the target path
 * @returns header names (lower case) and values
 */
export function headersFor(manifest: ReleaseManifest, path: string): Map<string, string> {
  const headers = new Map([['content-type', contentTypeOf(manifest, path)]]);
  for (const rule of manifest.headers) {
    if (matches(rule.path, path)) for (const [name, value] of Object.entries(rule.set)) headers.set(name, value);
  }
  return headers;
}

/**
 * Whether a target path is one of those a pattern names.
 *
 * @param pattern `*` stands for any characters within a segment, `**` for any characters, `**` and a slash also for nothing
 * @param path target path
 */
export function matches(pattern: string, path: string): boolean {
  // Enough for most patterns, at each request.
  if (pattern === '**') return true;
  const literal = pattern.split('*', 1)[0] ?? '';
  if (literal === pattern || !path.startsWith(literal)) return pattern === path;
  // How much of the path the pattern matches up to here, as a list of possible lengths. Unlike a regular expression, no pattern takes longer
  // than its length times the path's.
  let matched = Array.from({ length: path.length + 1 }, (_, length) => length === 0);
  for (const token of pattern.match(/\*\*\/|\*\*|./gs) ?? []) {
    const next: boolean[] = [];
    const shortest = matched.indexOf(true);
    if (shortest < 0) return false;
    for (const [length, isMatched] of matched.entries()) {
      const last = path[length - 1];
      const isLonger =
        token === '**/'
          ? last === '/' && shortest < length
          : token[0] === '*'
            ? next[length - 1] && (token === '**' || last !== '/')
            : matched[length - 1] && last === token;
      next.push(Boolean(isLonger) || (isMatched && token[0] === '*'));
    }
    matched = next;
  }
  return matched.at(-1) === true;
}

/**
 * What the manifest says of a file by its extension. A header rule may say something else.
 *
 * @param manifest the release manifest
 * @param path the target path
 */
export function contentTypeOf(manifest: ReleaseManifest, path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  return manifest.contentTypes.get(extension) ?? manifest.contentTypes.get('') ?? 'application/octet-stream';
}

/**
 * How a file is downloaded and kept. Without a rule it is needed from the start.
 *
 * @param manifest the release manifest
 * @param path the target path
 */
export function fileRule(manifest: ReleaseManifest, path: string): Pick<FileRule, 'keep' | 'optional'> {
  const rule = path === MANIFEST_PATH ? undefined : manifest.files.filter((item) => matches(item.path, path)).at(-1);
  return { keep: rule?.keep ?? 'precache', optional: rule?.optional ?? false };
}

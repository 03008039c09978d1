import { VouchsafeError } from '../tuf/errors.js';
import { type JsonObject, type JsonValue, parseJson } from '../tuf/json.js';

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

/** What a release says about how its files are served. Signed like any other target. */
export interface ReleaseManifest {
  readonly navigation: {
    /** File name served for a directory URL. */
    readonly index: string;
    /** Target path served for navigations to unlisted paths without an extension (a single-page app), if any. */
    readonly fallback?: string;
  };
  /** Content type by lower-case file extension; the empty extension is the default. */
  readonly contentTypes: ReadonlyMap<string, string>;
  readonly headers: readonly HeaderRule[];
  /** How long the release may run after its metadata has expired while the repository cannot be reached, in seconds. */
  readonly offlineSeconds: number;
}

const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
// What the Fetch Standard lets a header value hold: no control characters but tab, nothing beyond Latin-1.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FIELDS = new Set(['vouchsafe', 'navigation', 'content_types', 'headers', 'offline_seconds']);

/**
 * Reads a release manifest. Unlike TUF metadata, an unknown field is an error here: a rule that this worker does not know may be the
 * one that restricts something, so it is not passed over.
 *
 * @param bytes the verified bytes of the target `vouchsafe.json`
 * @returns the manifest
 * @throws `malformed` when it is not one, `unsupported` when its format is newer than this code
 */
export function parseManifest(bytes: Uint8Array): ReleaseManifest {
  const json = object(parseJson(bytes), 'the manifest');
  if (json.vouchsafe !== MANIFEST_FORMAT) {
    if (typeof json.vouchsafe !== 'number') throw malformed('"vouchsafe" must be the format number');
    throw new VouchsafeError(
      'unsupported',
      `The release manifest has format ${json.vouchsafe}; this worker reads ${MANIFEST_FORMAT}.`,
      {
        path: MANIFEST_PATH,
        expected: `format ${MANIFEST_FORMAT}`,
        actual: `format ${json.vouchsafe}`,
      },
    );
  }
  for (const field of Object.keys(json)) if (!FIELDS.has(field)) throw malformed(`unknown field "${field}"`);
  const navigation = object(json.navigation, '"navigation"');
  const fallback = navigation.fallback;
  return {
    navigation: {
      index: text(navigation.index, '"index"'),
      ...(fallback === undefined ? {} : { fallback: text(fallback, '"fallback"') }),
    },
    contentTypes: new Map(
      entries(json.content_types, '"content_types"').map(([extension, type]) => [extension, headerValue(type)]),
    ),
    headers: list(json.headers, '"headers"').map((rule) => {
      const { path, set } = object(rule, 'a header rule');
      return {
        path: text(path, '"path"'),
        set: Object.fromEntries(entries(set, '"set"').map(([name, value]) => [headerName(name), headerValue(value)])),
      };
    }),
    offlineSeconds: seconds(json.offline_seconds),
  };
}

/**
 * The headers a file is served with: its content type, then every matching rule in order. Nothing else ever reaches the page.
 *
 * @param manifest the release manifest
 * @param path the target path
 * @returns header names (lower case) and values
 */
export function headersFor(manifest: ReleaseManifest, path: string): Map<string, string> {
  const headers = new Map([['content-type', contentType(manifest, path)]]);
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
  const source = pattern.replace(/\*\*\/|\*\*|\*|[\\^$.+?()[\]{}|]/g, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    return token === '*' ? '[^/]*' : `\\${token}`;
  });
  return new RegExp(`^${source}$`, 's').test(path);
}

function contentType(manifest: ReleaseManifest, path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  return manifest.contentTypes.get(extension) ?? manifest.contentTypes.get('') ?? 'application/octet-stream';
}

function malformed(what: string): VouchsafeError {
  return new VouchsafeError('malformed', `The release manifest cannot be read: ${what}.`, { path: MANIFEST_PATH });
}

function object(value: JsonValue | undefined, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${what} must be an object`);
  return value;
}

function list(value: JsonValue | undefined, what: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw malformed(`${what} must be a list`);
  return value;
}

function text(value: JsonValue | undefined, what: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(`${what} must be a non-empty text`);
  return value;
}

function entries(value: JsonValue | undefined, what: string): [string, JsonValue][] {
  return Object.entries(object(value, what));
}

function headerName(name: string): string {
  if (!HEADER_NAME.test(name)) throw malformed(`"${name}" is not a lower-case header name`);
  return name;
}

function headerValue(value: JsonValue): string {
  if (typeof value !== 'string' || !HEADER_VALUE.test(value)) throw malformed(`${JSON.stringify(value)} is not a header value`);
  return value;
}

function seconds(value: JsonValue | undefined): number {
  if (typeof value !== 'number' || value < 0) throw malformed('"offline_seconds" must be a number of seconds');
  return value;
}

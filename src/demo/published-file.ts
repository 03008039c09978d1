import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { signedHeaders } from '../node/signed-headers.js';

/** A file of a published directory as an honest static server answers it. */
export interface PublishedFile {
  readonly status: 200 | 404;
  readonly bytes: Uint8Array;
  readonly headers: Record<string, string>;
}

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** @returns the content type by the path's extension */
export const contentTypeOf = (path: string): string => TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream';

const read = (path: string): Promise<Uint8Array | undefined> => readFile(path).catch(() => undefined);

/** Where the path's file would be, or undefined when it is not a path inside the directory. */
const locate = (directory: string, path: string): string | undefined => {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const inside = !decoded.includes('\0') && !decoded.split('/').includes('..');
  return inside ? join(directory, decoded.endsWith('/') ? `${decoded}index.html` : decoded) : undefined;
};

/**
 * All is asked for again, metadata with a tag, so that it is short. A real host lets the browser keep targets for ever (their names have their
 * hash); here a lie that is told later has to reach the browser.
 */
const cacheHeaders = (path: string, bytes: Uint8Array): Record<string, string> => ({
  'cache-control': 'no-cache',
  ...(path.includes('/metadata/') && { etag: `"${createHash('sha256').update(bytes).digest('hex')}"` }),
});

const headersOf = (directory: string): ReturnType<typeof signedHeaders> =>
  signedHeaders((name) => readFile(join(directory, name))).catch(() => new Map());

/**
 * Finds what an honest static server answers: the file, a directory's `index.html`, or, for a path without an extension, `404.html`
 * with status 404 (as static hosts do, and as `vouchsafe serve` does).
 *
 * @param directory the published directory
 * @param path URL path, percent-encoded, with a leading slash
 * @returns the answer, or undefined when there is neither a file nor a `404.html`
 */
export async function findFile(directory: string, path: string): Promise<PublishedFile | undefined> {
  const found = locate(directory, path);
  const bytes = found === undefined ? undefined : await read(found);
  if (bytes !== undefined) {
    const type = extname(path) === '' ? 'text/html; charset=utf-8' : contentTypeOf(path);
    // What browsers keep compiled comes with its signed headers, as a host has to send them.
    const signed = /^\/(?!vouchsafe\/).*\.js$/.test(path) && (await headersOf(directory)).get(decodeURIComponent(path.slice(1)));
    const headers = { 'content-type': type, ...cacheHeaders(path, bytes), ...(signed && Object.fromEntries(signed)) };
    return { status: 200, bytes, headers };
  }
  const page = extname(path) === '' ? await read(join(directory, '404.html')) : undefined;
  return page && { status: 404, bytes: page, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' } };
}

/** The hash of a target in the newest targets metadata of a published directory, unverified: it is the attacker who asks. */
const newestHash = async (metadata: string, target: string): Promise<string | undefined> => {
  const versions = (await readdir(metadata).catch(() => [])).flatMap((name) => /^(\d+)\.targets\.json$/.exec(name)?.[1] ?? []);
  const newest = await read(join(metadata, `${Math.max(...versions.map(Number))}.targets.json`));
  if (newest === undefined) return undefined;
  const { signed } = JSON.parse(Buffer.from(newest).toString()) as {
    signed: { targets: Record<string, { hashes: { sha256?: string } }> };
  };
  return signed.targets[target]?.hashes.sha256;
};

/**
 * Finds the same file in another release's directory: metadata by its name, and a target, whose file name starts with its hash, by what
 * the other release's targets metadata says its hash is there.
 *
 * @param directory the other release's published directory
 * @param path URL path, percent-encoded, with a leading slash
 * @returns its bytes, or undefined when the other release has no such file
 */
export async function findCounterpart(directory: string, path: string): Promise<Uint8Array | undefined> {
  const located = locate(directory, path);
  if (located === undefined) return undefined;
  const [, before, folder, name] = /^(.*\/)targets\/(.*\/)?[0-9a-f]{64}\.([^/]+)$/.exec(path) ?? [];
  const metadata = before === undefined ? undefined : locate(directory, `${before}metadata/timestamp.json`);
  if (metadata === undefined || name === undefined) return read(located);
  const hash = await newestHash(dirname(metadata), decodeURIComponent(`${folder ?? ''}${name}`));
  return hash === undefined ? undefined : read(join(dirname(located), `${hash}.${decodeURIComponent(name)}`));
}

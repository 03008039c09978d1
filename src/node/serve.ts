import { open, readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { METADATA_FOLDER, REPOSITORY_FOLDER, TARGETS_FOLDER } from '../release/config.js';
import { isSystemError, PublisherError } from './publisher-error.js';
import { contentType } from './release-manifest.js';
import { type SignedHeaders, signedHeaders } from './signed-headers.js';
import { checkBase } from './site.js';

/** What to serve, and where. */
export interface ServeOptions {
  /** A published folder. */
  readonly out: string;
  /** Port to listen on; 0 for a free one. Default 4173. */
  readonly port?: number | undefined;
  /** Name or address to listen on. Default `localhost`, which no other machine can reach. */
  readonly host?: string | undefined;
  /** Path that the site is served under. Default `/`. */
  readonly base?: string | undefined;
}

/** A running server. */
export interface Serving {
  /** URL of the site. */
  readonly url: string;
  /** Stops it, open connections included. */
  close(): Promise<void>;
}

/** The port that `vite preview` uses as well. */
export const DEFAULT_PORT = 4173;

/**
 * Serves a published folder over HTTP for a look at it: what a static host does and no more. Files are read at each request, so a publish
 * shows at once. A missing file is a 404, never a page with status 200: a client takes a 404 for the next root as the end of the chain.
 *
 * (Written on `node:http`: sirv answers `%40` in a path with 404 and labels `x.gz` as compressed, which breaks targets such as `@2x.png`.)
 *
 * @param options see there
 * @returns the running server
 * @throws `bad-input` when the folder is no published site, `port-in-use`
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const folder = resolve(options.out);
  const base = checkBase(options.base ?? '/');
  const port = options.port ?? DEFAULT_PORT;
  const host = options.host ?? 'localhost';
  if (!(await isFile(join(folder, METADATA_FOLDER, 'timestamp.json')))) {
    throw new PublisherError(
      'bad-input',
      `${options.out} is not a published site; run: vouchsafe publish DIR --out ${options.out}`,
    );
  }
  const server = createServer((request, response) => {
    answer(folder, base, request, response).catch(() => {
      // The reader went away or the file did, in the middle; there is nobody to tell but the connection.
      response.destroy();
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', (error) => {
      const inUse = isSystemError(error, 'EADDRINUSE');
      failed(
        inUse
          ? new PublisherError(
              'port-in-use',
              `Port ${port} is in use; stop what listens there or choose another with --port.`,
              error,
            )
          : error,
      );
    });
    server.listen(port, host, done);
  });
  const bound = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound.port}${base}`,
    close: () =>
      new Promise((done, failed) => {
        server.close((error) => (error === undefined ? done() : failed(error)));
        server.closeAllConnections();
      }),
  };
}

async function answer(folder: string, base: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const path = filePath(base, request.url ?? '/');
  if (path !== undefined && (await isFile(join(folder, path)))) {
    await send(request, response, 200, join(folder, path), cacheControl(path), await headersOf(folder, path));
  } else if (isNavigation(request) && (await isFile(join(folder, '404.html')))) {
    await send(request, response, 404, join(folder, '404.html'), 'no-store');
  } else response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end('Not found\n');
}

/** The path under the folder that a URL names, or undefined when it names nothing there. */
function filePath(base: string, url: string): string | undefined {
  const pathname = url.replace(/[?#].*$/s, '');
  if (!pathname.startsWith(base)) return undefined;
  try {
    const segments = pathname.slice(base.length).split('/').map(decodeURIComponent);
    // Each segment must be one name: an encoded slash or dot segment could lead out of the folder. Only the last one may be empty.
    const isName = (segment: string, i: number): boolean =>
      segment === '' ? i === segments.length - 1 : segment !== '.' && segment !== '..' && !/[/\\\0]/.test(segment);
    if (!segments.every(isName)) return undefined;
    const path = segments.join('/');
    return path === '' || path.endsWith('/') ? `${path}index.html` : path;
  } catch {
    return undefined;
  }
}

/** A script that browsers keep compiled comes with its signed headers. The folder may be amid a publish. */
async function headersOf(folder: string, path: string): Promise<SignedHeaders | undefined> {
  if (path.startsWith(REPOSITORY_FOLDER) || !/\.[cm]?js$/i.test(path)) return undefined;
  return (await signedHeaders((name) => readFile(join(folder, name))).catch(() => undefined))?.get(path);
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR') || isSystemError(error, 'ENAMETOOLONG')) return false;
    throw error;
  }
}

/** A page is being opened, and at a path that is no file's name: the one case where a person should see a page. */
function isNavigation(request: IncomingMessage): boolean {
  const pathname = (request.url ?? '/').replace(/[?#].*$/s, '');
  return (request.headers.accept ?? '').includes('text/html') && extname(pathname) === '';
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  file: string,
  caching: string,
  signed?: SignedHeaders,
): Promise<void> {
  // Length and bytes come from one open file: a publish may rename another into its place in between.
  const handle = await open(file);
  try {
    const { ino, size, mtimeNs } = await handle.stat({ bigint: true });
    const type = contentType(extname(file).slice(1).toLowerCase());
    // The inode, because two publishes may lie within one tick of the file system's clock; each writes files anew.
    const etag = `"${ino.toString(36)}-${mtimeNs.toString(36)}-${size.toString(36)}"`;
    if (status === 200 && namesOf(request.headers['if-none-match']).includes(etag)) {
      response.writeHead(304, { etag, 'cache-control': caching }).end();
      return;
    }
    const validator = status === 200 ? { etag } : {};
    const headers = { 'content-type': type, 'content-length': `${size}`, 'cache-control': caching, ...validator };
    response.writeHead(status, { ...headers, ...(signed && Object.fromEntries(signed)) });
    if (request.method === 'HEAD') response.end();
    else await pipeline(handle.createReadStream({ autoClose: false }), response);
  } finally {
    await handle.close();
  }
}

/** The entity tags in a header. Ours have no comma. A proxy may have made them weak. */
function namesOf(header = ''): string[] {
  return header.split(',').map((name) => name.trim().replace(/^W\//, ''));
}

/** A target's name holds its hash, so it never changes; everything else must be asked for each time, and sent when it has changed. */
function cacheControl(path: string): string {
  return path.startsWith(TARGETS_FOLDER) ? 'public, max-age=31536000, immutable' : 'no-cache';
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { contentTypeOf } from '../../../src/demo/published-file.js';
import { type SignedHeaders, signedHeaders } from '../../../src/node/signed-headers.js';

/** The files of one release: bytes by path, without a leading slash. */
export type Folder = ReadonlyMap<string, Uint8Array>;

/** What browsers may keep: nothing, everything but pages for ever, or everything if they ask each time. */
export type Caching = 'no-store' | 'immutable' | 'no-cache';

/** The way between server and browser. */
export interface Network {
  readonly name: string;
  /** Milliseconds before each answer. */
  readonly latency: number;
  /** Bits per second of all answers together. */
  readonly rate: number;
}

/** An empty page, outside of every app. */
export const BLANK = '__blank.html';
const SLICE = 2 ** 14;

/** Reads a folder into memory. */
export function readFolder(folder: string): Folder {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path)];
    }),
  );
}

/** A static server over HTTP/1.1 on an origin of its own, the same for all that is compared, with its files in memory. It counts what it sends. */
export class SiteServer {
  #files: Folder = new Map();
  /** What a host of ours is told to send, by path. */
  #signed: ReadonlyMap<string, SignedHeaders> = new Map();
  /** Undefined: as fast as this machine. */
  network: Network | undefined;
  /** Bytes of answers with their heads since this was last set to 0. */
  bytes = 0;
  /** Paths asked for, in order, since this was last emptied. */
  paths: string[] = [];
  readonly #caching: Caching;
  readonly #server: Server;
  readonly #tags = new Map<Uint8Array, string>();
  #free = 0;

  private constructor(caching: Caching) {
    this.#caching = caching;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    // A browser that finds its connection closed tries again, which takes time that nobody measures in the field.
    this.#server.keepAliveTimeout = 300_000;
  }

  static async start(files: Folder, caching: Caching): Promise<SiteServer> {
    const server = new SiteServer(caching);
    (await server.prepare(files))();
    server.#server.listen(0, 'localhost');
    await once(server.#server, 'listening');
    return server;
  }

  /** What it serves now. */
  get files(): Folder {
    return this.#files;
  }

  /** Finds out all that is to be known of files. @returns serves them from then on */
  async prepare(files: Folder): Promise<() => void> {
    const read = async (path: string) => files.get(path) ?? Promise.reject(new Error(`There is no ${path}.`));
    const signed = await signedHeaders(read).catch(() => new Map());
    return () => {
      this.#signed = signed;
      this.#files = files;
    };
  }

  /** With a trailing slash. */
  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Counts from zero. */
  reset(): void {
    this.bytes = 0;
    this.paths = [];
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent((request.url ?? '/').split('?', 1)[0] ?? '/').slice(1);
    this.paths.push(path);
    const before = request.socket.bytesWritten;
    response.on('close', () => {
      this.bytes += request.socket.bytesWritten - before;
    });
    if (this.network) await pause(this.network.latency);
    const name = path === '' || path.endsWith('/') ? `${path}index.html` : path;
    const file = name === BLANK ? Buffer.from('<!doctype html><title>Blank</title>') : this.files.get(name);
    if (!file) {
      response.writeHead(404, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('Not found\n');
      return;
    }
    const headers: Record<string, string> = {
      'content-type': contentTypeOf(name),
      'accept-ranges': 'bytes',
      ...Object.fromEntries(this.#signed.get(name) ?? []),
      ...this.#cacheHeaders(name, file),
    };
    if (headers.etag !== undefined && request.headers['if-none-match'] === headers.etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const from = Number(start ?? 0);
    const body = start === undefined ? file : file.subarray(from, end ? Number(end) + 1 : undefined);
    if (start !== undefined) headers['content-range'] = `bytes ${from}-${from + body.length - 1}/${file.length}`;
    response.writeHead(start === undefined ? 200 : 206, { ...headers, 'content-length': String(body.length) });
    if (request.method === 'HEAD') response.end();
    else if (this.network) await this.#trickle(body, response, this.network.rate);
    else response.end(body);
  }

  /** All answers share the line. */
  async #trickle(body: Uint8Array, response: ServerResponse, rate: number): Promise<void> {
    for (let at = 0; at < body.length && !response.destroyed; at += SLICE) {
      const slice = body.subarray(at, at + SLICE);
      this.#free = Math.max(this.#free, performance.now()) + (slice.length * 8000) / rate;
      await pause(this.#free - performance.now());
      response.write(slice);
    }
    response.end();
  }

  #cacheHeaders(name: string, file: Uint8Array): Record<string, string> {
    if (this.#caching === 'no-store') return { 'cache-control': 'no-store' };
    if (this.#caching === 'immutable' && !name.endsWith('.html')) return { 'cache-control': 'public, max-age=31536000, immutable' };
    const tag = this.#tags.get(file) ?? `"${createHash('sha256').update(file).digest('base64url')}"`;
    this.#tags.set(file, tag);
    return { 'cache-control': 'no-cache', etag: tag };
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

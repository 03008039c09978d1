import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerWithLie, type Behaviour } from './behaviour.js';
import { findFile } from './published-file.js';

/** A request the server received, in the order of arrival. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  /** Path as sent, without the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** When it arrived, milliseconds since the epoch. */
  readonly at: number;
  /** Whether a lie answered it. */
  readonly lied: boolean;
  /** What it was answered with, once the answer has left: the status, and bytes with the head. */
  answered?: { readonly status: number; readonly bytes: number };
}

/** Which requests a lie answers: by their path as sent, without the query, or by their headers too. */
export type PathMatch = RegExp | ((path: string, headers: IncomingMessage['headers']) => boolean);

/** A lie: for these paths, at most `times` times, behave like this. The last one told that matches wins. */
export type Lie = { readonly match: PathMatch; readonly times?: number } & Behaviour;

/** What a server is started with. */
export interface HostileServerOptions {
  /** TCP port on localhost; 0, the default, takes a free one. */
  readonly port?: number;
  /** The URL path the directory is served under, with slashes at both ends; default `/`. */
  readonly base?: string;
  /** Answers requests whose path starts with `/api/`. */
  readonly api?: RequestListener;
}

interface ToldLie {
  readonly lie: Lie;
  left: number;
  /** Settles when the lie ends: what it holds back is then answered honestly, and what has stalled is cut off. */
  readonly ended: Promise<void>;
  end(): void;
}

const matches = (match: PathMatch, { path, headers }: Pick<ReceivedRequest, 'path' | 'headers'>): boolean =>
  typeof match === 'function' ? match(path, headers) : match.test(path);

const next = (
  waiting: Set<(request: ReceivedRequest) => void>,
  isIt: (request: ReceivedRequest) => boolean,
): Promise<ReceivedRequest> =>
  new Promise((resolve) => {
    const listen = (request: ReceivedRequest): void => {
      if (!isIt(request)) return;
      waiting.delete(listen);
      resolve(request);
    };
    waiting.add(listen);
  });

/**
 * A static server that tells the truth, as `vouchsafe serve` does, until it is told to lie: about the bytes, the status, the headers,
 * the time it takes, or by not being there at all.
 */
export class HostileServer {
  /** The directory served: the output of `vouchsafe publish`. May be swapped at any time. */
  out: string;
  /** Every request received so far. */
  readonly requests: ReceivedRequest[] = [];
  readonly base: string;
  readonly #api: RequestListener | undefined;
  #server: Server | undefined;
  #port: number;
  #lies: ToldLie[] = [];
  readonly #waiting = new Set<(request: ReceivedRequest) => void>();
  readonly #waitingForAnswer = new Set<(request: ReceivedRequest) => void>();

  private constructor(out: string, options: HostileServerOptions) {
    this.out = out;
    this.base = options.base ?? '/';
    this.#api = options.api;
    this.#port = options.port ?? 0;
  }

  /**
   * Starts a server on localhost.
   *
   * @param out the directory to serve
   * @param options see `HostileServerOptions`
   * @returns the server, listening
   * @throws the system's error (`EADDRINUSE` when the port is taken)
   */
  static async start(out: string, options: HostileServerOptions = {}): Promise<HostileServer> {
    const server = new HostileServer(out, options);
    await server.goOnline();
    return server;
  }

  /** Scheme, host and port, without a trailing slash. */
  get origin(): string {
    return `http://localhost:${this.#port}`;
  }

  /** Where the app is: the origin and the base path. */
  get url(): string {
    return this.origin + this.base;
  }

  /**
   * Tells a lie from now on.
   *
   * @param lie which paths, how often, and what to do
   * @returns ends this lie
   */
  lie(lie: Lie): () => void {
    let settle = (): void => {};
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const told: ToldLie = { lie, left: lie.times ?? Number.POSITIVE_INFINITY, ended, end: settle };
    this.#lies.unshift(told);
    return () => {
      this.#lies = this.#lies.filter((other) => other !== told);
      told.end();
    };
  }

  /** Ends all lies. */
  honest(): void {
    for (const told of this.#lies.splice(0)) told.end();
  }

  /** Closes the listening socket and every connection: the next request finds nobody there. */
  async goOffline(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** Listens again on the same port. */
  async goOnline(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Nobody but this machine should get to a server that lies.
      server.listen(this.#port, 'localhost', () => resolve());
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Ends all lies and the server. */
  async close(): Promise<void> {
    this.honest();
    await this.goOffline();
  }

  /**
   * Waits for the next request to such a path; those that came before do not count.
   *
   * @param match the path
   * @returns the request
   */
  nextRequest(match: PathMatch): Promise<ReceivedRequest> {
    return next(this.#waiting, (request) => matches(match, request));
  }

  /**
   * Waits until the last byte of an answer has left.
   *
   * @param isIt of which request
   * @returns the request
   */
  nextAnswer(isIt: (request: ReceivedRequest) => boolean): Promise<ReceivedRequest> {
    return next(this.#waitingForAnswer, isIt);
  }

  /** @returns the paths requested so far, in order; `since` skips that many requests */
  paths(since = 0): string[] {
    return this.requests.slice(since).map((request) => request.path);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const path = url.split('?', 1)[0] ?? '/';
    const { method = 'GET', headers } = request;
    const told = this.#lies.find(({ lie, left }) => left > 0 && matches(lie.match, { path, headers }));
    if (told !== undefined) told.left -= 1;
    const received: ReceivedRequest = { method, url, path, headers, at: Date.now(), lied: told !== undefined };
    this.requests.push(received);
    const { bytesWritten } = request.socket;
    response.on('finish', () => {
      received.answered = { status: response.statusCode, bytes: request.socket.bytesWritten - bytesWritten };
      for (const listen of [...this.#waitingForAnswer]) listen(received);
    });
    for (const listen of [...this.#waiting]) listen(received);
    if (told !== undefined) {
      if (!('hold' in told.lie)) {
        await answerWithLie(told.lie, this.out, this.#inside(path), response);
        if ('stall' in told.lie) void told.ended.then(() => response.destroy());
        return;
      }
      await told.ended;
      if (response.destroyed) return;
    }
    if (this.#api !== undefined && path.startsWith('/api/')) this.#api(request, response);
    else await this.#answerHonestly(request, response, path);
  }

  /** The path below the base, with a leading slash; undefined outside of it. */
  #inside(path: string): string | undefined {
    return path.startsWith(this.base) ? `/${path.slice(this.base.length)}` : undefined;
  }

  async #answerHonestly(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const inside = this.#inside(path);
    const file = inside === undefined ? undefined : await findFile(this.out, inside);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end('Not found\n');
    } else if (file.headers.etag !== undefined && request.headers['if-none-match'] === file.headers.etag) {
      response.writeHead(304, file.headers).end();
    } else {
      response.writeHead(file.status, { ...file.headers, 'content-length': String(file.bytes.length) });
      response.end(request.method === 'HEAD' ? undefined : file.bytes);
    }
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sirv from 'sirv';
import type { ConsoleState } from './console/protocol.js';
import type { DemoSite } from './demo-site.js';
import type { HostileServer } from './hostile-server.js';
import { SWITCHES } from './switches.js';

const REQUESTS_SHOWN = 40;
/** Nothing the page sends is longer. */
const BODY_LIMIT = 1000;

const readJson = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > BODY_LIMIT) throw new Error('The request is too long.');
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('The request is not an object.');
  return value as Record<string, unknown>;
};

/** Serves the attacker's console and does what is asked of it there. */
export class ConsoleServer {
  readonly #app: HostileServer;
  readonly #site: DemoSite;
  readonly #files: ReturnType<typeof sirv>;
  readonly #listeners = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      response
        .writeHead(400, { 'content-type': 'text/plain; charset=utf-8' })
        .end(error instanceof Error ? error.message : String(error));
    });
  });
  #attack: string | null = null;
  #sent = '';
  readonly #clock: NodeJS.Timeout;

  /**
   * @param app the server that the switches make hostile
   * @param site what it serves
   * @param pages folder with the built console page
   */
  constructor(app: HostileServer, site: DemoSite, pages: string) {
    this.#app = app;
    this.#site = site;
    this.#files = sirv(pages, { dev: true });
    this.#clock = setInterval(() => this.#tell(), 300);
  }

  /** @returns the console's URL, once the server is told to listen */
  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}/`;
  }

  /**
   * Starts to listen.
   *
   * @param port TCP port; 0 takes a free one
   * @throws the system's error (`EADDRINUSE` when the port is taken)
   */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, 'localhost', () => resolve());
    });
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    clearInterval(this.#clock);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get #state(): ConsoleState {
    const requests = this.#app.requests.slice(-REQUESTS_SHOWN).map(({ path, at, lied }) => ({ path, at, lied }));
    return {
      appUrl: this.#app.url,
      release: this.#site.release,
      attack: this.#attack,
      switches: SWITCHES,
      requests: requests.reverse(),
    };
  }

  #tell(): void {
    const state = JSON.stringify(this.#state);
    if (state === this.#sent) return;
    this.#sent = state;
    for (const listener of this.#listeners) listener.write(`data: ${state}\n\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST') {
      // A page of another origin can send this type only after a preflight, which is not answered: only the console's page gets here.
      if (request.headers['content-type'] !== 'application/json') throw new Error('The content type must be application/json.');
      await this.#obey(request.url ?? '', await readJson(request));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.#state));
      this.#tell();
    } else if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(`data: ${JSON.stringify(this.#state)}\n\n`);
      this.#listeners.add(response);
      response.on('close', () => this.#listeners.delete(response));
    } else {
      this.#files(request, response);
    }
  }

  async #obey(url: string, { id, file }: Record<string, unknown>): Promise<void> {
    await this.#beHonest();
    if (url === '/publish') {
      await this.#site.publishNext();
    } else if (url === '/switch' && id !== null) {
      const found = SWITCHES.find((other) => other.id === id);
      if (found === undefined) throw new Error(`There is no switch "${String(id)}".`);
      const files = found.files ?? [''];
      await found.throwIt(this.#app, this.#site, files.find((other) => other === file) ?? files[0] ?? '');
      this.#attack = found.id;
    } else if (url !== '/switch') {
      throw new Error(`There is nothing at ${url}.`);
    }
  }

  async #beHonest(): Promise<void> {
    this.#attack = null;
    this.#app.honest();
    await this.#app.goOnline();
  }
}

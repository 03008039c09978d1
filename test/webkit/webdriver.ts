import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from '@playwright/test';
import type { WebKit } from './find-webkit.js';

// A few endpoints of WebDriver by `fetch`: every client library on npm is a thousand times as large.

/** How long the driver may take for one command, in milliseconds. */
const COMMAND_TIMEOUT = 60_000;
/** How long a browser may take to start, in milliseconds. Most take two seconds; one in some hundreds never does, and its driver is of no use any more. */
const START_TIMEOUT = 20_000;

/** WebKit's driver on a screen of its own. It has one session at a time. */
export class WebDriver {
  readonly #webkit: WebKit;
  readonly #screen: ChildProcess;
  readonly #environment: NodeJS.ProcessEnv;
  #url = '';
  #driver: ChildProcess | undefined;

  private constructor(webkit: WebKit, screen: ChildProcess, environment: NodeJS.ProcessEnv) {
    this.#webkit = webkit;
    this.#screen = screen;
    this.#environment = environment;
  }

  /**
   * Starts an X server without a screen, and the driver.
   *
   * @param webkit the executables
   * @param home an empty folder, which takes the browser's files
   * @throws Error when one of the two does not start
   */
  static async start(webkit: WebKit, home: string): Promise<WebDriver> {
    const screen = spawn(webkit.xvfb, ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const [display] = (await Promise.race([once(screen.stdio[3] as Readable, 'data'), ended(screen)])) as [Buffer];
    const environment = {
      ...process.env,
      DISPLAY: `:${display.toString().trim()}`,
      GDK_BACKEND: 'x11',
      HOME: home,
      XDG_RUNTIME_DIR: home,
      LIBGL_ALWAYS_SOFTWARE: '1',
    };
    const webdriver = new WebDriver(webkit, screen, environment);
    await webdriver.#startDriver();
    return webdriver;
  }

  /** Opens a browser that knows nothing yet: with another driver when it does not start with this one. */
  async open(): Promise<Session> {
    return this.#open().catch(async (error) => {
      if ((error as Error).name !== 'TimeoutError') throw error;
      await this.#stopDriver();
      await this.#startDriver();
      return this.#open();
    });
  }

  async #open(): Promise<Session> {
    const browserOptions = { binary: this.#webkit.browser, args: ['--automation'] };
    const alwaysMatch = { 'webkitgtk:browserOptions': browserOptions };
    const { sessionId } = (await command(`${this.#url}/session`, 'POST', { capabilities: { alwaysMatch } }, START_TIMEOUT)) as {
      sessionId: string;
    };
    return new Session(`${this.#url}/session/${sessionId}`);
  }

  /** Ends both processes. */
  async stop(): Promise<void> {
    await this.#stopDriver();
    await stopped(this.#screen);
  }

  async #startDriver(): Promise<void> {
    const port = await freePort();
    const driver = spawn(this.#webkit.driver, [`--port=${port}`], { env: this.#environment, stdio: 'ignore' });
    this.#driver = driver;
    this.#url = `http://127.0.0.1:${port}`;
    await Promise.race([this.#ready(), ended(driver)]);
  }

  async #stopDriver(): Promise<void> {
    if (this.#driver) await stopped(this.#driver);
  }

  async #ready(): Promise<void> {
    for (;;) {
      const answer = await fetch(`${this.#url}/status`).catch(() => undefined);
      if (answer?.ok) return;
      await wait(50);
    }
  }
}

/** A browser, whose newest tab or the one it was told takes the commands. */
export class Session {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Goes to a URL and waits until the page has loaded. */
  async goto(url: string): Promise<void> {
    await command(`${this.#url}/url`, 'POST', { url });
  }

  /** Loads the page again and waits until it has loaded. */
  async reload(): Promise<void> {
    await command(`${this.#url}/refresh`, 'POST', {});
  }

  /**
   * Runs a function in the page, as Playwright's `evaluate` does. What goes in and comes out is JSON.
   *
   * @throws Error with the words of what the function threw
   */
  readonly evaluate = (async (run: unknown, given?: unknown): Promise<unknown> => {
    const script = `const [given, done] = arguments;
      new Promise((resolve) => resolve((${run})(given))).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    // WebDriver has null for undefined, which a parameter's default does not stand in for; no function here has such a parameter.
    const outcome = await command(`${this.#url}/execute/async`, 'POST', { script, args: [given ?? null] });
    const { value, error } = outcome as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }) as Page['evaluate'];

  /**
   * Opens a tab, which takes the commands from now on.
   *
   * @returns takes the commands back to the tab that had them
   */
  async openTab(): Promise<() => Promise<void>> {
    const before = await command(`${this.#url}/window`, 'GET');
    const { handle } = (await command(`${this.#url}/window/new`, 'POST', { type: 'tab' })) as { handle: string };
    await command(`${this.#url}/window`, 'POST', { handle });
    return async () => {
      await command(`${this.#url}/window`, 'POST', { handle: before });
    };
  }

  /**
   * Presses what a CSS selector finds first, as a person does.
   *
   * @throws Error when there is none
   */
  async click(selector: string): Promise<void> {
    const found = await command(`${this.#url}/element`, 'POST', { using: 'css selector', value: selector });
    const [id] = Object.values(found as Record<string, string>);
    await command(`${this.#url}/element/${id}/click`, 'POST', {});
  }

  /** Closes the browser. */
  async close(): Promise<void> {
    await command(this.#url, 'DELETE');
  }
}

async function command(url: string, method: 'GET' | 'POST' | 'DELETE', body?: object, timeout = COMMAND_TIMEOUT): Promise<unknown> {
  const answer = await fetch(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    signal: AbortSignal.timeout(timeout),
  });
  const { value } = (await answer.json()) as { value: unknown };
  if (answer.ok) return value;
  const { error, message } = value as { error: string; message: string };
  throw new Error(`${error}: ${message}`);
}

async function stopped(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  if (child.kill()) await exit;
}

async function ended(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`${child.spawnfile} ended with ${code}.`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly sessionId?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
};

const ARGUMENTS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--password-store=basic',
  '--window-size=1280,800',
];

/** A browser that does not start or answer is hung, not slow. Milliseconds. */
const LIMIT = 120_000;

/**
 * Chromium over its DevTools pipe. Playwright attaches to each service worker and holds it back until it has said so, which would be measured
 * as the worker's start; here nothing is attached but the tab.
 */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #exit: Promise<void>;
  #next = 1;

  private constructor(executable: string, profile: string, more: readonly string[]) {
    this.#child = spawn(executable, [...ARGUMENTS, ...more, `--user-data-dir=${profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#input = this.#child.stdio[3] as Writable;
    this.#input.on('error', () => {});
    this.#exit = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    void this.#exit.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium has ended.'));
    });
    let rest = '';
    const output = this.#child.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#hear(JSON.parse(message) as Message);
    });
  }

  /**
   * @param executable path of Chromium
   * @param profile folder of the profile
   * @param more further arguments
   * @returns the browser, started
   */
  static async start(executable: string, profile: string, more: readonly string[] = []): Promise<Chromium> {
    const browser = new Chromium(executable, profile, more);
    await browser.send('Browser.getVersion');
    return browser;
  }

  /** Of the browser process; all others descend from it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error what the browser says, or when it does not answer */
  send<Result = Record<string, never>>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = this.#next++;
    return new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), LIMIT);
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (value) => {
          finish();
          resolve(value);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      });
      this.#input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    });
  }

  /** @returns the event's parameters, of the next one that is accepted */
  event(method: string, sessionId?: string, accept: (params: never) => boolean = () => true): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(listen);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${method} did not come`));
      }, LIMIT);
      const listen = (message: Message) => {
        if (message.method !== method || message.sessionId !== sessionId || !accept(message.params as never)) return;
        end();
        resolve(message.params ?? {});
      };
      this.#listeners.add(listen);
    });
  }

  /** Opens an empty tab. */
  async openTab(): Promise<Tab> {
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const attached = await this.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, targetId, attached.sessionId);
    await tab.send('Page.enable');
    return tab;
  }

  /** Ends the browser as its window's button does, so that what it has to write is written. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await this.send('Browser.close').catch(() => {});
    await this.#exit;
    clearTimeout(timer);
  }

  #hear(message: Message): void {
    if (message.id === undefined) {
      for (const listen of [...this.#listeners]) listen(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else waiting?.resolve(message.result as never);
  }
}

/** A tab of a `Chromium`. */
export class Tab {
  readonly #browser: Chromium;
  readonly #target: string;
  readonly #session: string;

  /** @param session where the tab is attached */
  constructor(browser: Chromium, target: string, session: string) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  send<Result = Record<string, never>>(method: string, params: object = {}): Promise<Result> {
    return this.#browser.send(method, params, this.#session);
  }

  /** Goes to a URL and waits for the load event. @throws Error when there is no such page */
  async go(url: string): Promise<void> {
    const loaded = this.#browser.event('Page.loadEventFired', this.#session);
    // A navigation that fails has no load event.
    loaded.catch(() => {});
    const { errorText } = await this.send<{ errorText?: string }>('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** Runs a function of the bench in the page, with plain data in and out. @throws Error what it throws there */
  async run<Arguments extends unknown[], Result>(
    action: (...args: Arguments) => Result,
    ...args: Arguments
  ): Promise<Awaited<Result>> {
    return (await this.evaluate(`(${action})(...${JSON.stringify(args)})`)) as Awaited<Result>;
  }

  /** @returns what an expression in the page comes to, as plain data */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send<{
      result: { value?: unknown };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Stops every worker of the browser and waits until they are. */
  async stopWorkers(): Promise<void> {
    const running = new Map<string, string>();
    let isStopped = () => {};
    const stopped = new Promise<void>((resolve) => {
      isStopped = resolve;
    });
    const listening = this.#browser.event('ServiceWorker.workerVersionUpdated', this.#session, ({ versions }: never) => {
      for (const { versionId, runningStatus } of versions as { versionId: string; runningStatus: string }[]) {
        running.set(versionId, runningStatus);
      }
      return [...running.values()].every((status) => status === 'stopped');
    });
    listening.then(isStopped, isStopped);
    await this.send('ServiceWorker.enable');
    await this.send('ServiceWorker.stopAllWorkers');
    await stopped;
    await this.send('ServiceWorker.disable');
  }

  async close(): Promise<void> {
    const gone = this.#browser.event('Target.detachedFromTarget', undefined, ({ sessionId }: never) => sessionId === this.#session);
    await this.#browser.send('Target.closeTarget', { targetId: this.#target });
    await gone;
  }
}

import { Chromium, type Tab } from './chromium.js';
import { readTimings, type Timings } from './in-page.js';
import { memoryOf, type Spent, settle, spentBetween, usageOf } from './processes.js';

/** What one load of a page took. */
export interface Load extends Timings {
  readonly spent: Spent;
  /** MiB once it is quiet again. */
  readonly memory: { readonly all: number; readonly renderers: number };
}

/** Somebody with a browser profile. */
export class Visitor {
  readonly #executable: string;
  readonly #profile: string;
  #browser: Chromium | undefined;

  /** @param profile folder; made when it is not there */
  constructor(executable: string, profile: string) {
    this.#executable = executable;
    this.#profile = profile;
  }

  /** The running browser. */
  get browser(): Chromium {
    if (!this.#browser) throw new Error('No browser runs.');
    return this.#browser;
  }

  /** Starts the browser and waits until it has nothing to do. */
  async start(): Promise<void> {
    this.#browser = await Chromium.start(this.#executable, this.#profile);
    await settle(this.#browser.pid);
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    this.#browser = undefined;
  }

  /** Does something in a new tab, and closes it. */
  async inTab<Result>(action: (tab: Tab) => Promise<Result>): Promise<Result> {
    const tab = await this.browser.openTab();
    try {
      return await action(tab);
    } finally {
      await tab.close();
    }
  }

  /**
   * Opens a page in a new tab and measures how it loads.
   *
   * @param whole an expression that is true there, or comes to true, when everything has come
   * @param stopWorkers whether to stop the workers before
   * @throws Error when something is missing
   */
  async load(url: string, whole: string, stopWorkers = false): Promise<Load> {
    const { pid } = this.browser;
    return this.inTab(async (tab) => {
      if (stopWorkers) await tab.stopWorkers();
      await settle(pid);
      const before = usageOf(pid);
      await tab.go(url);
      if ((await tab.evaluate(whole)) !== true) throw new Error(`${url} is not whole.`);
      await settle(pid);
      const spent = spentBetween(before, usageOf(pid));
      return { ...(await tab.run(readTimings)), spent, memory: memoryOf(pid) };
    });
  }
}

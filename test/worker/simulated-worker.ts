import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, vi } from 'vitest';
import type { WorkerConfig } from '../../src/release/config.js';
import type { answer } from '../../src/worker/answerer.js';
import { partsOf } from '../../src/worker/parts.js';
import type { ReplyParts } from '../../src/worker/replies.js';
import { RepositorySimulator, START } from '../repository-simulator.js';

/** Where the worker and the repository are. */
export const SCOPE = new URL('https://repository.test/');

/** What each release of these tests has; `changes` to its release manifest go on top. */
export const manifestWith = (changes: object = {}) =>
  JSON.stringify({
    vouchsafe: 1,
    navigation: { index: 'index.html' },
    content_types: { js: 'text/javascript', html: 'text/html' },
    headers: [],
    offline_seconds: 60,
    ...changes,
  });

/** What a test sees and decides of the browser around the worker. */
export class SimulatedBrowser {
  readonly #repository: RepositorySimulator;
  /** The pages that are open. */
  clients: { readonly id: string; readonly url: string }[] = [];
  readonly #navigator = { onLine: true };
  readonly unregister = vi.fn(async () => true);
  /** Of the worker that starts. */
  state: 'installing' | 'activated' = 'activated';
  /** The scripts of the workers that the browser has. */
  scripts: { readonly active: string; readonly waiting?: string } = { active: `${SCOPE.href}vouchsafe-worker.js` };

  constructor(repository: RepositorySimulator) {
    this.#repository = repository;
  }

  /** Whether the device has a network, as far as it knows. */
  set isOnline(isOnline: boolean) {
    this.#navigator.onLine = isOnline;
  }

  /** The configuration of a worker of this site. */
  config(more: Partial<WorkerConfig> = {}): WorkerConfig {
    const root = new TextDecoder().decode(this.#repository.files.get('/metadata/1.root.json'));
    return { roots: [root], metadata: 'metadata/', targets: 'targets/', passthrough: [], ...more };
  }

  /** Makes the globals of a worker that starts now those of this one, until `vi.unstubAllGlobals`. */
  startLife(): void {
    const { active, waiting } = this.scripts;
    const postMessage = () => {};
    vi.stubGlobal('self', {
      navigator: this.#navigator,
      serviceWorker: { state: this.state },
      registration: {
        scope: SCOPE.href,
        unregister: this.unregister,
        addEventListener() {},
        installing: null,
        waiting: waiting === undefined ? null : Object.assign(new EventTarget(), { scriptURL: waiting }),
        active: { scriptURL: active },
      },
      clients: { matchAll: async () => this.clients.map((client) => ({ ...client, postMessage })) },
      addEventListener() {},
    });
    vi.stubGlobal('FetchEvent', SimulatedFetchEvent);
    vi.stubGlobal('fetch', (asked: string | Request, init: Parameters<RepositorySimulator['fetch']>[1]) =>
      this.#repository.fetch(typeof asked === 'string' ? asked : asked.url, init ?? asked),
    );
  }

  /** The parts of a worker that starts now, on what is stored. */
  start(more: Partial<WorkerConfig> = {}): ReplyParts {
    this.startLife();
    return partsOf(this.config(more), 'worker');
  }
}

/** An app that has been released once, in a browser that does not know it yet. */
export interface SimulatedApp {
  readonly repository: RepositorySimulator;
  readonly browser: SimulatedBrowser;
  /** Publishes the next release. @param text of its page @param changes to its release manifest */
  release(text: string, changes?: object): Promise<void>;
}

/** Makes an app for each test of a file, by the clock of the simulator, which stands still. */
export function simulatedApp(): SimulatedApp {
  let repository: RepositorySimulator;
  let browser: SimulatedBrowser;
  const release = async (text: string, changes: object = {}): Promise<void> => {
    await repository.release({ 'vouchsafe.json': manifestWith(changes), 'index.html': text, 'shared.js': 'shared' });
  };
  beforeEach(async () => {
    vi.useFakeTimers({ now: START, toFake: ['Date'] });
    repository = await RepositorySimulator.create();
    browser = new SimulatedBrowser(repository);
    await release('one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    await deleteDB(`vouchsafe ${SCOPE.href}`);
  });
  return {
    get repository() {
      return repository;
    },
    get browser() {
      return browser;
    },
    release,
  };
}

/** The worker's event; the name is in another library of types than that of the tests. */
type FetchEvent = Parameters<typeof answer>[0];

/** Node has none. */
class SimulatedFetchEvent {
  readonly type = 'fetch';
}

/** A request as a worker sees it, and what came of `waitUntil`. Node lets nobody make a navigation. */
export function fetchEvent(
  path: string,
  how: { readonly method?: string; readonly mode?: string; readonly destination?: string; readonly clientId?: string } = {},
): { readonly event: FetchEvent; readonly done: () => Promise<void> } {
  const request = new Request(new URL(path, SCOPE), { method: how.method ?? 'GET' });
  const { mode = 'cors', destination = 'script', clientId = '' } = how;
  Object.defineProperties(request, { mode: { value: mode }, destination: { value: destination } });
  const work: Promise<unknown>[] = [];
  const waitUntil = (more: Promise<unknown>) => {
    work.push(more);
    // Said by `done`, when it comes to that.
    more.catch(() => {});
  };
  const event = Object.assign(new SimulatedFetchEvent(), { request, clientId, resultingClientId: '', waitUntil });
  const done = async () => {
    // Work may extend the event again.
    for (const one of work) await one;
  };
  return { event: event as unknown as FetchEvent, done };
}

import type { Replies, Request, WorkerEvent } from '../messages/messages.js';
import { ask } from './ask.js';
import { RefusedError } from './errors.js';

/** Where the worker is. */
export interface WorkerLocation {
  /**
   * URL of the worker script. Default: the script of the worker that controls this page, else `vouchsafe-worker.js` below the base of Vite's build
   * with the plugin. Built otherwise it is `/vouchsafe-worker.js`: a page below another base that is opened without the worker, as with progressive
   * delivery, has to name it.
   */
  readonly worker?: string;
  /** Default: the folder of the worker script. */
  readonly scope?: string;
}

/** What the Vite plugin puts here. */
declare const __VOUCHSAFE_WORKER__: string | undefined;

/** A worker that is registered and active, and the wire to it. */
export class Connection {
  readonly container: ServiceWorkerContainer;
  /** Absolute URL of the worker script that was asked for. */
  readonly scriptUrl: string;
  #registration: ServiceWorkerRegistration;
  /** The worker that was active when the registration was found or made: one that unregisters is none that is active any more. */
  #first: ServiceWorker;

  private constructor(
    container: ServiceWorkerContainer,
    scriptUrl: string,
    registration: ServiceWorkerRegistration,
    first: ServiceWorker,
  ) {
    this.container = container;
    this.scriptUrl = scriptUrl;
    this.#registration = registration;
    this.#first = first;
  }

  /**
   * Registers the worker, or finds it registered.
   *
   * @param location where it is
   * @returns the connection, once the worker is active
   * @throws RefusedError `unsupported` where service workers do not exist (an old browser, an insecure address), `forbidden` where the
   *   browser or the server does not allow it
   */
  static async open({ worker, scope }: WorkerLocation): Promise<Connection> {
    // Undefined in pages over plain HTTP, whatever the type says.
    const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
    if (!container) {
      const message = isSecureContext ? 'This browser has no service workers.' : 'Service workers need HTTPS (or localhost).';
      throw new RefusedError({ code: 'unsupported', message, facts: { url: location.href } });
    }
    const url = worker ?? container.controller?.scriptURL ?? defaultUrl();
    takePolicy();
    const found = await findRegistration(container, url, scope);
    const incoming = found?.installing ?? found?.waiting;
    // Another script that waits in the place of ours gives way to ours. Nobody waits for that: the server may not answer.
    if (incoming && incoming.scriptURL !== found?.active?.scriptURL) registered(container, url, scope).catch(() => {});
    const registration = found ?? (await registered(container, url, scope));
    const first = await activated(registration);
    return new Connection(container, new URL(url, document.baseURI).href, registration, first);
  }

  /** The worker's registration: a new one after `reopen`, if the first one was gone. */
  get registration(): ServiceWorkerRegistration {
    return this.#registration;
  }

  /**
   * Registers the same worker for the same scope again.
   *
   * @throws RefusedError as `open`
   */
  async reopen(): Promise<void> {
    this.#registration = await registered(this.container, this.scriptUrl, this.#registration.scope);
    this.#first = await activated(this.#registration);
  }

  /**
   * Hears the worker's events, from now on.
   *
   * @param listener told each event and who sent it. A worker that was just replaced may still have sent it
   * @param signal ends the hearing
   */
  listen(listener: (event: WorkerEvent, source: ServiceWorker) => void, signal?: AbortSignal): void {
    const hear = ({ data, source }: MessageEvent<WorkerEvent | undefined>) => {
      const { active } = this.#registration;
      const isOurs = source !== null && [this.#first, active, this.container.controller].includes(source as ServiceWorker);
      if (isOurs && data?.vouchsafe !== undefined) listener(data, source as ServiceWorker);
    };
    this.container.addEventListener('message', hear, signal && { signal });
    this.container.startMessages();
  }

  /**
   * Asks the active worker, waiting for one that is being activated.
   *
   * @param request what to ask
   * @returns the reply's value
   * @throws RefusedError with the worker's code, `unsupported` when there is no worker any more
   */
  async ask<Name extends keyof Replies>(request: Extract<Request, { vouchsafe: Name }>): Promise<Replies[Name]> {
    await activated(this.#registration);
    return ask(this.#registration, request);
  }
}

function defaultUrl(): string {
  return (typeof __VOUCHSAFE_WORKER__ === 'string' && __VOUCHSAFE_WORKER__) || '/vouchsafe-worker.js';
}

/** The browser's Trusted Types, not yet in TypeScript's types. */
interface TrustedTypePolicies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: ReturnType<TrustedTypePolicies['createPolicy']> | undefined;

/** Makes the policy `vouchsafe`, also where nothing has to be registered: no script of the page can make one of this name afterwards. */
function takePolicy(): void {
  try {
    const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypePolicies };
    policy ??= trustedTypes?.createPolicy('vouchsafe', { createScriptURL: (url) => url });
  } catch {
    // The page does not list this policy; it may have one for texts.
  }
}

/** A URL as a page wants it that requires Trusted Types and lists the policy `vouchsafe`: for the browser alone, since it is no string then. */
function trustedUrl(url: string): string {
  return policy?.createScriptURL(url) ?? url;
}

async function registered(
  container: ServiceWorkerContainer,
  url: string,
  scope: string | undefined,
): Promise<ServiceWorkerRegistration> {
  try {
    // 'none': the browser looks at the server, not its HTTP cache, when it checks the worker script.
    return await container.register(trustedUrl(url), { updateViaCache: 'none', ...(scope === undefined ? {} : { scope }) });
  } catch (error) {
    throw new RefusedError({ code: 'forbidden', message: `The worker cannot be registered: ${String(error)}`, facts: { url } });
  }
}

/**
 * The registration, if our worker is the active one of it. `ServiceWorkerContainer.register()` would find it too, but waits for the browser's look at the
 * worker script, if there is one under way (both are jobs of one queue: Service Workers, appendix A, Schedule Job), or for that of another script which was
 * registered in its place: a server that never answers would keep the page from watching over its worker. What else is wrong with it the watch finds.
 */
async function findRegistration(
  container: ServiceWorkerContainer,
  url: string,
  scope: string | undefined,
): Promise<ServiceWorkerRegistration | undefined> {
  try {
    const script = new URL(url, document.baseURI).href;
    const wanted = new URL(scope ?? './', scope === undefined ? script : document.baseURI).href;
    const found = await container.getRegistration(wanted);
    return found?.scope === wanted && found.active?.scriptURL === script ? found : undefined;
  } catch {
    // What is no URL, or of another origin, is refused when it is registered.
    return undefined;
  }
}

/** The registration's active worker, waiting for the one that installs if there is none yet. */
function activated(registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  return new Promise((resolve, reject) => {
    if (!worker) return reject(gone(registration));
    const look = () => {
      // 'activating' is enough: a worker gets messages from then on, after its activate event.
      if (worker.state === 'activating' || worker.state === 'activated') resolve(worker);
      else if (worker.state === 'redundant') reject(gone(registration));
      else return;
      worker.removeEventListener('statechange', look);
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

function gone(registration: ServiceWorkerRegistration): RefusedError {
  return new RefusedError({
    code: 'unsupported',
    message: 'The worker did not install. Its script may not run in this browser, or it was unregistered.',
    facts: { url: registration.scope },
  });
}

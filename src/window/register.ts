import type {
  Freshness,
  Progress,
  ReleaseSummary,
  Replies,
  Request,
  Status,
  UpdateResult,
  Violation,
  WorkerEvent,
} from '../messages/messages.js';
import { ask } from './ask.js';
import { RefusedError } from './errors.js';

export type { Freshness, Progress, ReleaseSummary, Status, TrustedRole, UpdateResult, Violation } from '../messages/messages.js';
export { RefusedError };

/** Where the worker is. */
export interface RegisterOptions {
  /** URL of the worker script. Default: the script of the worker that controls this page, else `/vouchsafe-worker.js`. */
  readonly worker?: string;
  /** Default: the folder of the worker script. */
  readonly scope?: string;
}

/** The worker's events and what each carries in `detail`. */
export interface VouchsafeEventMap {
  /** Files of a newer release are being stored. */
  progress: CustomEvent<Progress>;
  /** A newer release is complete; the next navigation gets it. */
  staged: CustomEvent<ReleaseSummary>;
  /** A release became the active one. */
  activated: CustomEvent<ReleaseSummary>;
  /** Something was refused. */
  violation: CustomEvent<Violation>;
  /** The running release became fresh, stale or frozen. */
  state: CustomEvent<Freshness>;
}

/** The page's side of a registered worker. */
export interface Vouchsafe extends EventTarget {
  readonly registration: ServiceWorkerRegistration;
  /** What the worker trusts right now. */
  status(): Promise<Status>;
  /** Looks for a newer release and stages it. Refusals are a result, not an exception. */
  update(): Promise<UpdateResult>;
  /** Makes the staged release the active one now. @returns it, or undefined when none was staged */
  activate(): Promise<ReleaseSummary | undefined>;
  addEventListener<Type extends keyof VouchsafeEventMap>(
    type: Type,
    listener: (event: VouchsafeEventMap[Type]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/**
 * Registers the worker, or finds it registered, and listens to it.
 *
 * @param options where the worker is
 * @returns the worker's events and methods, once it is active
 * @throws RefusedError `unsupported` where service workers do not exist (an old browser, an insecure address), `forbidden` where the
 *   browser or the server does not allow it
 */
export async function register(options: RegisterOptions = {}): Promise<Vouchsafe> {
  // Undefined in pages over plain HTTP, whatever the type says.
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container) {
    const message = isSecureContext ? 'This browser has no service workers.' : 'Service workers need HTTPS (or localhost).';
    throw new RefusedError({ code: 'unsupported', message, facts: { url: location.href } });
  }
  const url = options.worker ?? container.controller?.scriptURL ?? '/vouchsafe-worker.js';
  let registration: ServiceWorkerRegistration;
  try {
    // 'none': the browser looks at the server, not its HTTP cache, when it checks the worker script and what it imports.
    registration = await container.register(url, {
      updateViaCache: 'none',
      ...(options.scope === undefined ? {} : { scope: options.scope }),
    });
  } catch (error) {
    throw new RefusedError({ code: 'forbidden', message: `The worker cannot be registered: ${String(error)}`, facts: { url } });
  }
  await activated(registration);
  return new RegisteredWorker(container, registration);
}

class RegisteredWorker extends EventTarget implements Vouchsafe {
  readonly registration: ServiceWorkerRegistration;

  constructor(container: ServiceWorkerContainer, registration: ServiceWorkerRegistration) {
    super();
    this.registration = registration;
    container.addEventListener('message', ({ data, source }: MessageEvent<WorkerEvent | undefined>) => {
      if (source !== registration.active || data?.vouchsafe === undefined) return;
      this.dispatchEvent(new CustomEvent(data.vouchsafe, { detail: detailOf(data) }));
    });
    container.startMessages();
  }

  status(): Promise<Status> {
    return this.#ask({ vouchsafe: 'status' });
  }

  update(): Promise<UpdateResult> {
    return this.#ask({ vouchsafe: 'update' });
  }

  async activate(): Promise<ReleaseSummary | undefined> {
    return (await this.#ask({ vouchsafe: 'activate' })).activated;
  }

  async #ask<Name extends keyof Replies>(request: Extract<Request, { vouchsafe: Name }>): Promise<Replies[Name]> {
    await activated(this.registration);
    return ask(this.registration, request);
  }
}

function detailOf(event: WorkerEvent): Progress | ReleaseSummary | Violation | Freshness | null {
  switch (event.vouchsafe) {
    case 'progress':
    case 'verifying':
      return event.progress;
    case 'staged':
    case 'activated':
      return event.release;
    case 'violation':
      return event.violation;
    case 'state':
      return event.freshness;
    case 'stood-down':
      return null;
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

import type { Reply, Request, WorkerEvent } from '../../src/messages/messages.js';

/** What a fake worker answers a request with; undefined: nothing, as one that was stopped. */
export type Answer = (request: Request) => unknown;

/** A service worker as a page sees it. */
export class FakeWorker extends EventTarget {
  readonly scriptURL: string;
  state: ServiceWorkerState;
  /** What it was sent, oldest first. */
  readonly sent: Request[] = [];
  answer: Answer;

  constructor(scriptURL: string, state: ServiceWorkerState = 'activated', answer: Answer = () => undefined) {
    super();
    this.scriptURL = scriptURL;
    this.state = state;
    this.answer = answer;
  }

  postMessage(request: Request, [port]: readonly [MessagePort?] = []): void {
    this.sent.push(request);
    const answer = this.answer(request);
    if (answer === undefined || !port) return;
    const reply =
      answer instanceof Error
        ? { ok: false, refusal: { code: 'unsupported', message: answer.message, facts: {} } }
        : { ok: true, value: answer };
    port.postMessage(reply as Reply);
  }

  become(state: ServiceWorkerState): void {
    this.state = state;
    this.dispatchEvent(new Event('statechange'));
  }
}

/** A registration as a page sees it. */
export class FakeRegistration extends EventTarget {
  readonly scope: string;
  updateViaCache: ServiceWorkerUpdateViaCache = 'none';
  active: FakeWorker | null;
  waiting: FakeWorker | null = null;
  installing: FakeWorker | null = null;

  constructor(scope: string, active: FakeWorker | null) {
    super();
    this.scope = scope;
    this.active = active;
  }

  /** A script that the browser found on the server begins to install. */
  find(worker: FakeWorker): void {
    this.installing = worker;
    this.dispatchEvent(new Event('updatefound'));
  }
}

/** `navigator.serviceWorker`. */
export class FakeContainer extends EventTarget {
  controller: FakeWorker | null;
  /** What is registered; the first is what `register()` finds or makes. */
  registrations: FakeRegistration[];
  /** The last script that was registered. */
  script: string | undefined;
  /** How often `register()` was called. */
  registered = 0;

  constructor(registration: FakeRegistration, controller: FakeWorker | null) {
    super();
    this.registrations = [registration];
    this.controller = controller;
  }

  startMessages(): void {}

  async register(url: string, { scope }: RegistrationOptions): Promise<FakeRegistration> {
    this.script = `${url}`;
    this.registered += 1;
    const found = this.registrations.find((registration) => scope === undefined || registration.scope === scope);
    const registration = found ?? new FakeRegistration(scope ?? '', new FakeWorker(url));
    if (!found) this.registrations.push(registration);
    registration.updateViaCache = 'none';
    return registration;
  }

  async getRegistration(url = location.href): Promise<FakeRegistration | undefined> {
    return this.registrations.find(({ scope }) => url.startsWith(scope));
  }

  async getRegistrations(): Promise<FakeRegistration[]> {
    return this.registrations;
  }

  /** A worker takes over the page. */
  change(controller: FakeWorker | null): void {
    this.controller = controller;
    this.dispatchEvent(new Event('controllerchange'));
  }

  /** A worker says something to the page. */
  say(data: WorkerEvent, source: FakeWorker | null = this.controller): void {
    const event = new MessageEvent('message', { data });
    Object.defineProperty(event, 'source', { value: source });
    this.dispatchEvent(event);
  }
}

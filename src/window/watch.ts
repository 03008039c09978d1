import type { Refusal, VetResult } from '../messages/messages.js';
import { askWorker } from './ask.js';
import type { Connection } from './connection.js';
import { uncontrolled } from './uncontrolled.js';

/** Whom a watch tells. */
export interface WatchListener {
  /** The worker script is not the signed one, or another worker took over and nobody had said that it is signed. */
  replaced(refusal: Refusal): void;
  /** Something else is wrong, which the worker should record. */
  noticed(refusal: Refusal): void;
}

/**
 * How long (milliseconds) an answer may be on its way when the worker that gave it has already been replaced. Nothing is asked meanwhile of
 * the one that replaced it.
 */
const ANSWER_ON_ITS_WAY = 1_000;
/**
 * Milliseconds after which a worker that may take over, and has not, is told so once more. Firefox tries when it is told, lets it be while the
 * old worker has anything to do, and does not always try again when that is done.
 */
const TELL_AGAIN_AFTER = 1_000;

/**
 * Watches, from a page, over the worker that checks the page's files. A browser replaces a service worker by whatever the server has at the
 * script's URL, and no worker can prevent that. What a page can do: have the old worker compare the script on the server with the signed one
 * while the new one installs, and say so when one takes over that was not found to be signed. What of a server that shows the old worker one
 * script and the browser another is noticed, `worker/vet.ts` says.
 */
export class WorkerWatch {
  readonly #connection: Connection;
  readonly #listener: WatchListener;
  readonly #signal: AbortSignal;
  /**
   * The worker that this page goes by: the one that was there when it began, or that was found signed before it took over. Nobody else vouches
   * for another, nor says that the checks have ended.
   */
  #voucher: ServiceWorker | undefined;
  /** Whether the worker that is about to take over was found to be signed. */
  #isVouched = false;
  /** Ends the question that is on its way about it. */
  #asking: AbortController | undefined;
  #inspecting: Promise<void> | undefined;
  /** What was noticed already, by scope and script. */
  readonly #foreign = new Set<string>();

  /**
   * Begins to watch.
   *
   * @param connection to our worker
   * @param listener who is told
   * @param signal ends the watch
   */
  constructor(connection: Connection, listener: WatchListener, signal: AbortSignal) {
    this.#connection = connection;
    this.#listener = listener;
    this.#signal = signal;
    const { container } = connection;
    this.#voucher = this.#ours(container.controller) ?? this.#ours(connection.registration.active);
    container.addEventListener('controllerchange', () => this.#changed(), { signal });
    this.#listen(connection.registration);
    // One that came before this page was opened: it may take over at any moment, and until then there is someone to ask.
    if (this.#ours(incomingOf(connection.registration))) this.#vet(connection.registration);
  }

  /** Judges another script that came before this page was opened. Not before there is somebody who hears of it, and it is known how the page takes it. */
  begin(): void {
    const { registration } = this.#connection;
    if (!this.#signal.aborted && !this.#ours(incomingOf(registration))) this.#vet(registration);
  }

  /**
   * Whether what a worker says counts: one that is about to replace ours, or has, could vouch for itself, or end the watch.
   *
   * @param worker who says it
   */
  goesBy(worker: ServiceWorker): boolean {
    return worker === this.#voucher;
  }

  /**
   * What a worker found out about the script on the server, whoever asked it.
   *
   * @param vet its answer
   * @param worker who says so
   */
  vetted({ isSigned, refusal }: VetResult, worker: ServiceWorker): void {
    // To find something wrong is nobody's gain.
    if (isSigned !== false && !this.goesBy(worker)) return;
    // That one of several who asked got no answer from the server takes nothing back.
    if (isSigned !== undefined) this.#isVouched = isSigned;
    if (isSigned === false)
      this.#listener.replaced(refusal ?? this.#replaced('The worker script on the server is not the signed one.'));
  }

  /**
   * Looks for workers inside our scope that are not ours, and whether ours is still registered as it should be; registers it again if
   * not, which may wait for a server that never answers. Calls while one is under way share it.
   *
   * @throws RefusedError when it cannot be registered again
   */
  inspect(): Promise<void> {
    this.#inspecting ??= this.#inspect().finally(() => {
      this.#inspecting = undefined;
    });
    return this.#inspecting;
  }

  async #inspect(): Promise<void> {
    const { container, registration } = this.#connection;
    const { scope } = registration;
    const all = await container.getRegistrations();
    for (const other of all) {
      const script = (other.active ?? other.waiting ?? other.installing)?.scriptURL ?? 'no script';
      if (other.scope === scope || !other.scope.startsWith(scope) || this.#foreign.has(`${other.scope} ${script}`)) continue;
      this.#foreign.add(`${other.scope} ${script}`);
      this.#listener.noticed({
        code: 'foreign-registration',
        message: 'Another service worker is registered inside the scope: its pages are not verified.',
        facts: { url: other.scope, expected: 'no registration below this one', actual: script },
      });
    }
    const own = all.find((other) => other.scope === scope);
    // A signal that ended meanwhile: the worker stood down, and is not to come back.
    if (this.#signal.aborted || own?.updateViaCache === 'none') return;
    const caching = own?.updateViaCache;
    // The registration's first worker, once more, takes over from none that could vet it: trust on first use again, so it is reported.
    if (!own) this.#voucher = undefined;
    await this.#connection.reopen();
    if (caching) {
      this.#listener.noticed({
        code: 'foreign-registration',
        message: 'A script had let the HTTP cache answer when the browser looks for a newer worker.',
        facts: { url: scope, expected: 'updateViaCache none', actual: `updateViaCache ${caching}` },
      });
    } else {
      this.#voucher = this.#ours(this.#connection.registration.active);
      this.#listen(this.#connection.registration);
      this.#vet(this.#connection.registration);
      this.#listener.noticed(uncontrolled('The worker was unregistered, and has been registered again.', 'no registration'));
    }
  }

  #listen(registration: ServiceWorkerRegistration): void {
    registration.addEventListener('updatefound', () => this.#vet(registration), { signal: this.#signal });
  }

  #vet(registration: ServiceWorkerRegistration): void {
    const incoming = incomingOf(registration);
    const voucher = this.#voucher;
    // The first worker there is: nobody is there yet to say what it should be.
    if (!incoming || !voucher) return;
    this.#isVouched = false;
    this.#asking?.abort();
    if (!this.#ours(incoming)) {
      this.#listener.replaced(this.#replaced('Another script was registered in the place of the worker.', incoming));
      return;
    }
    // Replaced by one that was not signed, while the app wants no more than to be told: there is nobody left to ask.
    if (voucher.state === 'redundant') return;
    const asking = new AbortController();
    this.#asking = asking;
    askWorker(voucher, { vouchsafe: 'vet' }, asking.signal).then(
      (vet) => {
        if (this.#signal.aborted) return;
        this.#asking = undefined;
        this.vetted(vet, voucher);
        if (this.#isVouched) this.#letTakeOver(incoming);
      },
      () => {},
    );
  }

  #letTakeOver(incoming: ServiceWorker): void {
    const tell = () => {
      // No longer, when it is looked at anew, or was found to be another one after all.
      if (!this.#isVouched || !/^install/.test(incoming.state)) stop();
      else if (incoming.state === 'installed') incoming.postMessage({ vouchsafe: 'take-over' });
    };
    const timer = setInterval(tell, TELL_AGAIN_AFTER);
    const stop = () => clearInterval(timer);
    incoming.addEventListener('statechange', tell, { signal: this.#signal });
    this.#signal.addEventListener('abort', stop);
    tell();
  }

  #changed(): void {
    const { controller } = this.#connection.container;
    if (controller === null) this.#listener.noticed(uncontrolled('The worker no longer controls this page.', 'no controller'));
    else if (!this.#ours(controller))
      this.#listener.replaced(this.#replaced('Another service worker has taken over this page.', controller));
    // Where there was none, nothing has been taken from anyone.
    else if (!this.#voucher) this.#voucher = controller;
    else if (!this.goesBy(controller)) this.#judge(controller);
  }

  /** Whether the worker that has taken over was found signed before. */
  #judge(controller: ServiceWorker): void {
    const judge = () => {
      if (this.#signal.aborted) return;
      const isVouched = this.#isVouched;
      this.#isVouched = false;
      this.#asking?.abort();
      if (isVouched) this.#voucher = controller;
      else this.#listener.replaced(this.#replaced('Another worker took over, and nobody had found it signed.', controller));
    };
    if (this.#asking && !this.#isVouched) setTimeout(judge, ANSWER_ON_ITS_WAY);
    else judge();
  }

  #ours(worker: ServiceWorker | null): ServiceWorker | undefined {
    return worker?.scriptURL === this.#connection.scriptUrl ? worker : undefined;
  }

  #replaced(message: string, worker?: ServiceWorker): Refusal {
    const { scriptUrl } = this.#connection;
    const actual = worker && { actual: `${worker.scriptURL}, not found signed` };
    return { code: 'verifier-replaced', message, facts: { url: scriptUrl, expected: 'the signed worker script', ...actual } };
  }
}

function incomingOf({ installing, waiting }: ServiceWorkerRegistration): ServiceWorker | null {
  return installing ?? waiting;
}

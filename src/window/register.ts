import type {
  Freshness,
  Progress,
  Refusal,
  ReleaseSummary,
  Status,
  UpdateResult,
  VerifyResult,
  Violation,
  WorkerEvent,
} from '../messages/messages.js';
import type { Activation } from '../release/manifest.js';
import { Connection, type WorkerLocation } from './connection.js';
import { RefusedError } from './errors.js';
import { lockPage } from './lock.js';
import { type LookOptions, registerPeriodicSync, scheduleLooks } from './look-schedule.js';
import { askToPersist } from './persist.js';
import { type ReportsTo, sendReport } from './send-report.js';
import { pastTheWorker } from './uncontrolled.js';
import { WorkerWatch } from './watch.js';

export type {
  Freshness,
  Progress,
  Refusal,
  ReleaseSummary,
  RoleKeys,
  Status,
  StorageStatus,
  StoredRelease,
  TrustedRole,
  UpdateResult,
  VerifyResult,
  Violation,
} from '../messages/messages.js';
export type { Activation, LookOptions };
export { RefusedError };

/** Where the worker is, and what the page does beside it. */
export interface RegisterOptions extends WorkerLocation {
  /**
   * When a newer release becomes the active one, whatever the signed manifest says. The worker keeps to what the last page said; a page
   * that says nothing gives the word back to the manifest.
   */
  readonly activation?: Activation;
  /** When to look for a newer release; `false`: only when the worker starts, at navigations and when `update()` is called. */
  readonly look?: LookOptions | false;
  /**
   * What happens when the worker was replaced by one that was not signed: the page locks (the default), or there is only the event (the default when
   * the worker only reports).
   */
  readonly replaced?: 'lock' | 'report';
  /** Whether to ask the browser, once a release is active, not to evict what is stored. Firefox asks the person. `true` by default. */
  readonly persist?: boolean;
}

/** The worker's events and what each carries in `detail`. */
export interface VouchsafeEventMap {
  /** Files of a newer release are being stored. */
  progress: CustomEvent<Progress>;
  /** Stored files are being checked, after `verify()`. */
  verifying: CustomEvent<Progress>;
  /** A newer release is complete and waits; also told to a page that registers later. */
  staged: CustomEvent<ReleaseSummary>;
  /** A release became the active one. */
  activated: CustomEvent<ReleaseSummary>;
  /** Something was refused. */
  violation: CustomEvent<Violation>;
  /** The running release became fresh, stale or frozen. */
  state: CustomEvent<Freshness>;
  /** The worker has unregistered, because the signers said so. */
  'stood-down': CustomEvent<null>;
}

/** The page's side of a registered worker. */
export interface Vouchsafe extends EventTarget {
  readonly registration: ServiceWorkerRegistration;
  /** What the worker trusts right now. */
  status(): Promise<Status>;
  /** Looks for a newer release and stages it. Refusals are a result, not an exception. */
  update(): Promise<UpdateResult>;
  /** Makes the staged release the active one now; open pages stay on theirs. @returns it, or undefined when none was staged */
  activate(): Promise<ReleaseSummary | undefined>;
  /** Makes the staged release, if any, the active one and loads this page again, with it. */
  reload(): Promise<void>;
  /** Hashes every stored file, of every release that is stored, and replaces what is damaged. The event `verifying` tells how far it is. */
  verify(): Promise<VerifyResult>;
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

const HOUR = 3_600;
/** How long (milliseconds) the worker's status is waited for before a worker in its place is looked at. */
const STATUS_WITHIN = 2_000;

/**
 * Registers the worker, or finds it registered, listens to it and watches over it.
 *
 * @param options where the worker is, and what the page does beside it
 * @returns the worker's events and methods, once it is active
 * @throws RefusedError `unsupported` where service workers do not exist (an old browser, an insecure address), `forbidden` where the
 *   browser or the server does not allow it
 */
export async function register(options: RegisterOptions = {}): Promise<Vouchsafe> {
  const past = await pastTheWorker();
  return new RegisteredWorker(await Connection.open(options), options, past);
}

class RegisteredWorker extends EventTarget implements Vouchsafe {
  readonly #connection: Connection;
  readonly #options: RegisterOptions;
  readonly #watch: WorkerWatch;
  readonly #end = new AbortController();
  /** Id of the release that `staged` was dispatched for. */
  #toldStaged: string | undefined;
  /** Id of the release that this page was opened with. */
  #pinned: string | undefined;
  /** As the worker said when the page began: who takes over from it would name another, or none. */
  #reportsTo: ReportsTo | undefined;
  /** Whether the worker that was there when the page began said that it only reports: who takes over from it could say so not to lock the page. */
  #isReportOnly = false;

  constructor(connection: Connection, options: RegisterOptions, past: Refusal | undefined) {
    super();
    this.#connection = connection;
    this.#options = options;
    const { signal } = this.#end;
    connection.listen((event, source) => this.#hear(event, source), signal);
    this.#watch = new WorkerWatch(
      connection,
      { replaced: (refusal) => this.#replaced(refusal), noticed: (refusal) => void this.#report(refusal) },
      signal,
    );
    connection.ask({ vouchsafe: 'policy', activation: options.activation }).catch(() => {});
    // When the caller has had the time to add listeners.
    setTimeout(() => void this.#begin(past).catch(() => {}));
  }

  get registration(): ServiceWorkerRegistration {
    return this.#connection.registration;
  }

  status(): Promise<Status> {
    return this.#connection.ask({ vouchsafe: 'status' });
  }

  update(): Promise<UpdateResult> {
    return this.#connection.ask({ vouchsafe: 'update' });
  }

  async activate(): Promise<ReleaseSummary | undefined> {
    return (await this.#connection.ask({ vouchsafe: 'activate' })).activated;
  }

  async reload(): Promise<void> {
    await this.activate();
    location.reload();
  }

  verify(): Promise<VerifyResult> {
    return this.#connection.ask({ vouchsafe: 'verify' });
  }

  async #begin(past: Refusal | undefined): Promise<void> {
    const { look = {}, persist = true } = this.#options;
    const { signal } = this.#end;
    if (signal.aborted) return;
    addEventListener('pageshow', ({ persisted }) => persisted && void this.#reloadIfForgotten().catch(() => {}), { signal });
    if (look) {
      scheduleLooks(() => this.#look(), look.every ?? HOUR, { window, document }, signal);
      void registerPeriodicSync(this.registration, look.periodic ?? 12 * HOUR);
    }
    const asked = this.#askStatus();
    // The status says whether a replaced worker locks the page, and who else is told. One that does not come holds nobody off.
    void Promise.race([asked.catch(() => {}), after(STATUS_WITHIN)]).then(() => this.#watch.begin());
    void this.#watch.inspect().catch(() => {});
    if (past) await this.#report(past);
    const status = await asked;
    this.#pinned = status.pinned;
    if (status.staged) this.#tellStaged(status.staged);
    if (persist && status.active) await askToPersist();
  }

  async #askStatus(): Promise<Status> {
    const asked = this.registration.active;
    const status = await this.status();
    const { reporting, active, reportOnly = false } = status;
    if (asked === this.registration.active) this.#isReportOnly = reportOnly;
    if (reporting !== undefined) this.#reportsTo = { url: reporting, release: active?.id ?? '' };
    return status;
  }

  async #look(): Promise<void> {
    void this.#watch.inspect().catch(() => {});
    await this.#connection.ask({ vouchsafe: 'look' });
  }

  /** A page from the back/forward cache may be of a release whose files were collected meanwhile: its lazy chunks are gone. */
  async #reloadIfForgotten(): Promise<void> {
    if (!this.#connection.container.controller) return;
    const { pinned } = await this.status();
    // Another one: the worker had forgotten the page, and took it for a new one when it asked for something.
    if (pinned === undefined || pinned !== (this.#pinned ?? pinned)) location.reload();
  }

  #hear(event: WorkerEvent, source: ServiceWorker): void {
    switch (event.vouchsafe) {
      case 'progress':
      case 'verifying':
        this.#dispatch(event.vouchsafe, event.progress);
        break;
      case 'staged':
        this.#tellStaged(event.release);
        break;
      case 'activated':
        this.#dispatch('activated', event.release);
        break;
      case 'violation':
        this.#dispatch('violation', event.violation);
        if (event.violation.code === 'verifier-replaced') this.#lock(event.violation);
        break;
      case 'state':
        this.#dispatch('state', event.freshness);
        break;
      case 'vetted':
        this.#watch.vetted(event.vet, source);
        break;
      case 'stood-down':
        if (!this.#watch.goesBy(source)) return;
        // What follows is meant: no worker any more, and no page under control.
        this.#end.abort();
        this.#dispatch('stood-down', null);
    }
  }

  #tellStaged(release: ReleaseSummary): void {
    if (release.id === this.#toldStaged) return;
    this.#toldStaged = release.id;
    this.#dispatch('staged', release);
  }

  /** Told to this page alone: the worker that would record it may be the attacker's. */
  #replaced(refusal: Refusal): void {
    const violation: Violation = { ...refusal, time: Date.now(), during: 'watch' };
    this.#dispatch('violation', violation);
    this.#lock(violation);
  }

  #lock(violation: Violation): void {
    const { replaced = this.#isReportOnly ? 'report' : 'lock' } = this.#options;
    if (this.#end.signal.aborted || replaced === 'report') return;
    this.#end.abort();
    lockPage(violation);
    // Afterwards: locking stops what the page is loading. And by itself: the worker that reports otherwise is on its way out.
    if (this.#reportsTo) sendReport(violation, this.#reportsTo, this.registration.scope);
  }

  /** The worker tells every page, this one too; when it cannot, this page tells itself. */
  async #report(refusal: Refusal): Promise<void> {
    try {
      await this.#connection.ask({ vouchsafe: 'report', refusal });
    } catch {
      this.#dispatch('violation', { ...refusal, time: Date.now(), during: 'watch' });
    }
  }

  #dispatch<Type extends keyof VouchsafeEventMap>(type: Type, detail: VouchsafeEventMap[Type]['detail']): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

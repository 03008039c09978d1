import type { Violation } from '../messages/messages.js';
import { reportOf, reportRequest } from '../messages/report.js';
import type { ReleaseManifest } from '../release/manifest.js';

/** Violations in one request. */
const BATCH = 100;
/** Bytes of one request, as browsers allow for one that may outlive the worker (`keepalive`). */
const BATCH_BYTES = 2 ** 16;
/** Milliseconds until the endpoint is asked again after it failed: doubled each time, up to the longest. */
const PAUSE = 60_000;
const LONGEST_PAUSE = 3_600_000;
/** Milliseconds an endpoint has for its answer. */
const ANSWER_WITHIN = 15_000;

/** What a `Reporter` uses of the worker. */
export interface ReporterPorts {
  /** The recorded violations that were not sent yet, by their key, oldest first. */
  unreported(): Promise<ReadonlyMap<number, Violation>>;
  /** Notes that they were sent. */
  markReported(keys: readonly number[]): Promise<unknown>;
  /**
   * A number from 0 to 99, drawn once and kept. Whether a client reports is decided by it once and for all: what one attack did to one client
   * stays together, and those that do not report never say anything.
   */
  lot(): Promise<number>;
}

/** Sends violations to the endpoint that the signed manifest names, in the format of the Reporting API. */
export class Reporter {
  readonly #scope: URL;
  readonly #ports: ReporterPorts;
  #sending: Promise<void> | undefined;
  #pause = PAUSE;
  #notBefore = 0;

  /**
   * @param scope the worker's scope
   * @param ports the store
   */
  constructor(scope: URL, ports: ReporterPorts) {
    this.#scope = scope;
    this.#ports = ports;
  }

  /**
   * Sends what was not sent yet. What does not arrive is tried again when this is called again, though not sooner than a pause that grows from a
   * minute to an hour. Calls while one is under way share it. Never rejects.
   *
   * @param reporting of the active release's manifest
   * @param release the active release's id
   */
  send(reporting: ReleaseManifest['reporting'], release: string): Promise<void> {
    this.#sending ??= this.#send(reporting, release)
      .catch(() => {
        this.#notBefore = Date.now() + this.#pause;
        this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
      })
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }

  /**
   * Where this browser reports to.
   *
   * @param reporting of the active release's manifest
   * @returns absolute URL; undefined when nothing is reported: no endpoint is signed, it is not a safe one, or this browser is not in the sample
   * @throws `storage`
   */
  async endpoint(reporting: ReleaseManifest['reporting']): Promise<string | undefined> {
    if (!reporting) return undefined;
    const url = new URL(reporting.url, this.#scope);
    const isSafe =
      url.protocol === 'https:' || url.origin === this.#scope.origin || /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
    return isSafe && (await this.#ports.lot()) < reporting.samplePercent ? url.href : undefined;
  }

  async #send(reporting: ReleaseManifest['reporting'], release: string): Promise<void> {
    if (Date.now() < this.#notBefore) return;
    const url = await this.endpoint(reporting);
    if (url === undefined) return;
    const reports = Array.from(await this.#ports.unreported(), ([key, violation]) => ({
      key,
      json: reportOf(violation, this.#scope.href, navigator.userAgent, release),
    }));
    while (reports.length > 0) {
      let count = 0;
      // The brackets, and a comma after each.
      let bytes = 2;
      for (const { json } of reports.slice(0, BATCH)) {
        bytes += new TextEncoder().encode(json).length + 1;
        if (bytes > BATCH_BYTES && count > 0) break;
        count++;
      }
      const batch = reports.splice(0, count);
      const { ok, status } = await fetch(url, {
        ...reportRequest(batch.map(({ json }) => json)),
        // One that is alone and too large for it is sent all the same.
        keepalive: count > 1 || bytes <= BATCH_BYTES,
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      });
      if (!ok) throw new Error(`The endpoint answered with status ${status}.`);
      this.#pause = PAUSE;
      await this.#ports.markReported(batch.map(({ key }) => key));
    }
  }
}

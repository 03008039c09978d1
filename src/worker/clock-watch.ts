import type { Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { Releases } from './releases.js';
import type { ViolationLog } from './violation-log.js';

/** How far (milliseconds) a clock may be behind the signers', or ahead of the time that passed, before it is worth a word. */
const TOLERANCE = 5 * 60_000;

/** What the device's clock is compared with, and where it is reported. */
export interface ClockParts {
  readonly releases: Pick<Releases, 'active'>;
  readonly store: Pick<Store, 'looked'>;
  readonly violations: Pick<ViolationLog, 'record'>;
}

/** Notices a device's clock that is wrong. It only reports: what is fresh is decided by a time that does not go back (`Updates.now`). */
export class ClockWatch {
  readonly #parts: ClockParts;
  /** What the clock showed when it was looked at last. */
  #last = 0;
  /** What it showed first in this life, and how long (milliseconds) the life had lasted then, by a clock that nobody sets. */
  #first: { readonly clock: number; readonly steady: number } | undefined;

  constructor(parts: ClockParts) {
    this.#parts = parts;
  }

  /** Whether it was looked at in this life of the worker. */
  get hasLooked(): boolean {
    return this.#last > 0;
  }

  /** A clock that is behind what the signers have signed, or behind itself, is reported once each time. */
  async look(): Promise<void> {
    const { releases, store } = this.#parts;
    const now = Date.now();
    // What the store says is a word in a report and no more: a script of the page can write any time down.
    const known = Math.max(this.#last || store.looked, releases.active?.signedAt ?? 0);
    this.#last = now;
    this.#first ??= { clock: now, steady: performance.now() };
    if (now < known - TOLERANCE) await this.#record('The clock of this device has gone back, or is wrong.', known);
  }

  /**
   * When what the repository has, too, has expired by a clock that went further than the time that passed, the clock may be why. How much time
   * passed is known within a life of the worker only.
   */
  async lookAhead(): Promise<void> {
    if (!this.#first) return;
    const expected = this.#first.clock + performance.now() - this.#first.steady;
    if (Date.now() > expected + TOLERANCE)
      await this.#record('The clock of this device went ahead by more than the time that passed, or the device slept.', expected);
  }

  async #record(message: string, expected: number): Promise<void> {
    const facts = { expected: `${new Date(expected).toISOString()} or later`, actual: new Date(Date.now()).toISOString() };
    await this.#parts.violations.record(new VouchsafeError('clock', message, facts), 'watch');
  }
}

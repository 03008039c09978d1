import type { Violation, WorkerEvent } from '../messages/messages.js';
import type { Store } from '../store/store.js';
import { toRefusal } from './refusal.js';

/** Tells every page of the scope. Never rejects. */
export type Announce = (event: WorkerEvent) => Promise<void>;

/** Records refusals: in the store, where they outlive the worker, and to every open page. */
export class ViolationLog {
  readonly #store: Store;
  readonly #announce: Announce;
  /** What the store could not take. */
  readonly #unsaved: Violation[] = [];

  constructor(store: Store, announce: Announce) {
    this.#store = store;
    this.#announce = announce;
  }

  /** Records one refusal. Never rejects: a full disk must not turn a refusal into something else. */
  async record(error: unknown, during: Violation['during']): Promise<void> {
    const violation: Violation = { ...toRefusal(error), time: Date.now(), during };
    await Promise.all([
      this.#store.saveViolation(violation).catch(() => {
        if (this.#unsaved.length < 100) this.#unsaved.push(violation);
      }),
      this.#announce({ vouchsafe: 'violation', violation }),
    ]);
  }

  /** What is recorded, oldest first. */
  async list(): Promise<Violation[]> {
    return [...(await this.#store.loadViolations().catch(() => [])), ...this.#unsaved];
  }
}

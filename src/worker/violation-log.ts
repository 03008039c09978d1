import type { Violation, WorkerEvent } from '../messages/messages.js';
import type { Store } from '../store/store.js';
import { toRefusal } from './refusal.js';

/** Tells every page of the scope. Never rejects. */
export type Announce = (event: WorkerEvent) => Promise<void>;

/** What the store keeps. */
const KEPT = 100;
/** Of these, at most so many of one kind within an hour (milliseconds): a page script can cause violations at will, and must not push out others. */
const ALIKE = 25;
const ALIKE_WITHIN = 3_600_000;
/** Milliseconds within which the very same violation counts once. */
const SAME_WITHIN = 10_000;

/** What a log uses of the store. */
export type ViolationStore = Pick<Store, 'saveViolation' | 'loadViolations' | 'unreported' | 'markReported'>;

/** Records refusals: in the store, where they outlive the worker, and to every open page. */
export class ViolationLog {
  readonly #store: ViolationStore;
  readonly #announce: Announce;
  /** What the store could not take. */
  readonly #unsaved: Violation[] = [];
  /** Keys of those among it that have been reported. */
  readonly #reported = new Set<number>();
  /** What was recorded last, also in earlier lives of the worker. */
  #recent: Promise<Violation[]> | undefined;
  /** The kinds that this life has recorded. */
  readonly #kinds = new Set<string>();

  constructor(store: ViolationStore, announce: Announce) {
    this.#store = store;
    this.#announce = announce;
  }

  /** Records one refusal. Never rejects: a full disk must not turn a refusal into something else. */
  async record(error: unknown, during: Violation['during']): Promise<void> {
    const violation: Violation = { ...toRefusal(error), time: Date.now(), during };
    await Promise.all([this.#save(violation), this.#announce({ vouchsafe: 'violation', violation })]);
  }

  /** What is recorded, oldest first. */
  async list(): Promise<Violation[]> {
    return [...(await this.#store.loadViolations().catch(() => [])), ...this.#unsaved];
  }

  /**
   * What nobody has reported yet. A page script that holds the database, or fills the disk, does not keep it back: what could not be stored is
   * reported from this life's memory, which no page reaches.
   *
   * @returns by key, below zero for what is not stored
   */
  async unreported(): Promise<Map<number, Violation>> {
    const unsaved = this.#unsaved.map((violation, i) => [-1 - i, violation] as const).filter(([key]) => !this.#reported.has(key));
    return new Map([...(await this.#store.unreported().catch(() => [])), ...unsaved]);
  }

  /** @param keys of violations that have been reported. @throws `storage`, `quota` */
  async markReported(keys: readonly number[]): Promise<void> {
    for (const key of keys) this.#reported.add(key);
    const stored = keys.filter((key) => key >= 0);
    if (stored.length > 0) await this.#store.markReported(stored);
  }

  async #save(violation: Violation): Promise<void> {
    this.#recent ??= this.#store.loadViolations().then(
      (stored) => [...stored],
      () => [],
    );
    const recent = await this.#recent;
    const kind = kindOf(violation);
    // The first of its kind in this life is recorded whatever the store says: a page script can store what looks alike.
    const isFirst = !this.#kinds.has(kind);
    this.#kinds.add(kind);
    const since = ({ time }: Violation) => Math.abs(violation.time - time);
    const alike = recent.filter((other) => kindOf(other) === kind && since(other) < ALIKE_WITHIN);
    const isSame = (other: Violation) =>
      since(other) < SAME_WITHIN && JSON.stringify(other.facts) === JSON.stringify(violation.facts);
    if (!isFirst && (alike.length >= ALIKE || alike.some(isSame))) return;
    recent.push(violation);
    if (recent.length > KEPT) recent.shift();
    await this.#store.saveViolation(violation).catch(() => {
      if (this.#unsaved.length < KEPT) this.#unsaved.push(violation);
    });
  }
}

/** What a page script cannot choose freely: not the URL. */
function kindOf({ code, during, facts }: Violation): string {
  return `${code} ${during} ${facts.path ?? facts.role}`;
}

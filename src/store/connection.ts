import { deleteDB, openDB } from 'idb';
import { VouchsafeError } from '../tuf/errors.js';
import { isPlain, migrate } from './migrate.js';
import { type Database, type Name, OBJECT_STORES, SCHEMA_VERSION, type Transaction } from './schema.js';

/** How long (milliseconds) to wait for a database that someone may be holding; a page's request waits with it. */
const OPEN_WITHIN = 5_000;
/** The same for a transaction: a page script can hold one open for ever. Packs are large, and disks slow. */
const DONE_WITHIN = 10_000;
/** How long (milliseconds) not to try again after a failure. */
const OPEN_AGAIN_AFTER = 1_000;

/** What happens to a database, told to the one who uses it. */
export interface ConnectionEvents {
  /** It failed, and is not used until it is there again. Told once. */
  readonly onFailure: (error: VouchsafeError) => void;
  /** It was made just now: it is the first time, or somebody had deleted it. */
  readonly onEmpty: () => void;
  /** It is there, perhaps again: time to write what it missed. Called before anything else is done with it, on all object stores. */
  readonly catchUp: () => ((transaction: Transaction) => Promise<unknown>) | undefined;
}

/**
 * A database that somebody may delete, hold or damage at any time. When it fails it is left alone; who asks is told at once, without waiting
 * for it, and it is tried again in the background.
 */
export class Connection {
  readonly #name: string;
  readonly #events: ConnectionEvents;
  #database: Promise<Database> | undefined;
  #isDown = false;
  #triedAt = 0;

  constructor(name: string, events: ConnectionEvents) {
    this.#name = name;
    this.#events = events;
  }

  /** Whether it failed and has not come back yet. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /**
   * Does something in one transaction.
   *
   * @param names object stores
   * @param mode of the transaction
   * @param work awaits all of the transaction's requests, and nothing else. One that only reads is over with them
   * @param durability `strict` for what an attacker would like to see lost when the power fails; all else may be lost, last first
   * @throws `quota` without room; `storage` otherwise, in time
   */
  run<Mode extends 'readonly' | 'readwrite', T>(
    names: readonly Name[],
    mode: Mode,
    work: (transaction: Transaction<Mode>) => Promise<T>,
    durability: 'relaxed' | 'strict' = 'relaxed',
  ): Promise<T> {
    return this.#run(names, mode, work, durability, (cause) => this.#fail(cause));
  }

  /**
   * Does in one transaction what an engine may be unable to do, for who can do without. What the engine says against it, a `DOMException`, does not mean that
   * the database cannot be used; that somebody holds it does, as in `run`.
   *
   * @param names object stores
   * @param work awaits nothing but the transaction's requests
   * @throws `quota` without room; `storage` otherwise, in time
   */
  attempt<T>(names: readonly Name[], work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#run(names, 'readwrite', work, 'relaxed', (cause) =>
      cause instanceof DOMException ? storageError(cause) : this.#fail(cause),
    );
  }

  async #run<Mode extends 'readonly' | 'readwrite', T>(
    names: readonly Name[],
    mode: Mode,
    work: (transaction: Transaction<Mode>) => Promise<T>,
    durability: 'relaxed' | 'strict',
    failure: (cause: unknown) => VouchsafeError,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (this.#isDown) this.#tryAgain();
      if (this.#isDown) throw new VouchsafeError('storage', 'The browser’s storage cannot be used.');
      this.#database ??= this.#open();
      const opening = this.#database;
      try {
        return await transact(await opening, names, mode, work, durability);
      } catch (cause) {
        if (isQuota(cause)) {
          // One that could not be opened is opened anew the next time.
          opening.catch(() => {
            if (this.#database === opening) this.#database = undefined;
          });
          throw new VouchsafeError('quota', 'There is no room left for this site.', {}, cause);
        }
        // One that somebody deleted or upgraded under us is opened anew, once.
        if (attempt === 1 && this.#database !== opening && !this.#isDown) continue;
        throw failure(cause);
      }
    }
  }

  /** Deletes the database, for good: nothing makes it anew as long as this life lasts. @throws `storage` */
  async delete(): Promise<void> {
    const opening = this.#database;
    this.#database = undefined;
    this.#isDown = true;
    this.#triedAt = Number.POSITIVE_INFINITY;
    try {
      await opening?.then(
        (database) => database.close(),
        () => {},
      );
      await inTime(deleteDB(this.#name), OPEN_WITHIN);
    } catch (cause) {
      throw storageError(cause);
    }
  }

  #fail(cause: unknown): VouchsafeError {
    const error = storageError(cause);
    if (this.#isDown) return error;
    this.#isDown = true;
    this.#triedAt = Date.now();
    this.#forget();
    this.#events.onFailure(error);
    return error;
  }

  #forget(): void {
    const opening = this.#database;
    this.#database = undefined;
    opening?.then(
      (database) => database.close(),
      () => {},
    );
  }

  #tryAgain(): void {
    if (this.#database || Date.now() < this.#triedAt + OPEN_AGAIN_AFTER) return;
    const opening = this.#open();
    this.#database = opening;
    opening.then(
      () => {
        if (this.#database === opening) this.#isDown = false;
      },
      () => {
        if (this.#database !== opening) return;
        this.#triedAt = Date.now();
        this.#database = undefined;
      },
    );
  }

  async #open(): Promise<Database> {
    const opening = this.#openUsable();
    try {
      const database = await inTime(opening, OPEN_WITHIN);
      const work = this.#events.catchUp();
      if (work || this.#isDown) await transact(database, OBJECT_STORES, 'readwrite', work ?? (async () => {}), 'strict');
      return database;
    } catch (error) {
      // If it comes all the same, later.
      opening.then(
        (database) => database.close(),
        () => {},
      );
      throw error;
    }
  }

  async #openUsable(): Promise<Database> {
    try {
      const database = await this.#connect(true).catch((error) => {
        if (error.name === 'VersionError') throw error;
        // Most likely there was no room for the files twice.
        return this.#connect(false);
      });
      if (isUsable(database)) return database;
      database.close();
    } catch (error) {
      if ((error as DOMException).name !== 'VersionError') throw error;
    }
    // A script of the page made the database before us, or raised its version. It could as well have deleted it; starting over heals.
    await deleteDB(this.#name);
    return this.#connect(true);
  }

  #connect(withFiles: boolean): Promise<Database> {
    const forget = () => {
      this.#database = undefined;
    };
    return openDB(this.#name, SCHEMA_VERSION, {
      upgrade: (database: Database, oldVersion, _newVersion, transaction) => {
        if (oldVersion === 0) this.#events.onEmpty();
        // What makes it end is what opening fails with.
        transaction.done.catch(() => {});
        migrate(database, transaction, withFiles).catch(() => abort(transaction));
      },
      // Someone deletes the database or upgrades it. To hold on would block them for as long as the worker lives.
      blocking(_current, _blocked, event) {
        forget();
        (event.target as IDBDatabase).close();
      },
      terminated: forget,
    });
  }
}

function storageError(cause: unknown): VouchsafeError {
  return new VouchsafeError('storage', `The browser’s storage failed: ${cause}`, {}, cause);
}

function isUsable(database: Database): boolean {
  if (!OBJECT_STORES.every((name) => database.objectStoreNames.contains(name))) return false;
  const transaction = database.transaction(OBJECT_STORES);
  transaction.done.catch(() => {});
  return OBJECT_STORES.every((name) => isPlain(transaction.objectStore(name)));
}

async function transact<Mode extends 'readonly' | 'readwrite', T>(
  database: Database,
  names: readonly Name[],
  mode: Mode,
  work: (transaction: Transaction<Mode>) => Promise<T>,
  durability: 'relaxed' | 'strict',
): Promise<T> {
  const transaction = database.transaction([...names], mode, { durability });
  // Work that throws is what it fails with.
  transaction.done.catch(() => {});
  try {
    // What was read is there before a transaction that only reads has ended, which another process says some time later.
    const [result] = await inTime(Promise.all([work(transaction), mode === 'readwrite' && transaction.done]), DONE_WITHIN);
    return result;
  } catch (error) {
    abort(transaction);
    throw isQuota(transaction.error) ? transaction.error : error;
  }
}

function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch {
    // It had ended.
  }
}

/** A `DOMException`, or in newer engines a class of its own. */
function isQuota(error: unknown): boolean {
  return (error as Error | null)?.name === 'QuotaExceededError';
}

/**
 * Requests for what someone holds wait without an event that says so.
 *
 * @param work of the database, or of what is in it
 * @param within milliseconds
 * @throws what `work` throws, and when the time is over
 */
export function inTime<T>(work: Promise<T>, within = DONE_WITHIN): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('someone holds the database')), within);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

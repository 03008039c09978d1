import { type DBSchema, deleteDB, type IDBPDatabase, openDB, type StoreKey, type StoreNames, type StoreValue } from 'idb';
import type { Violation } from '../messages/messages.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { MetadataStore } from '../tuf/updater.js';

/** A release as it is stored: the metadata that pins it, as received. Its files are stored by hash. */
export interface ReleaseRecord {
  /** Version of the root under which the metadata was verified. */
  readonly rootVersion: number;
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
}

/** Everything a starting worker rebuilds its trust from. None of it is believed before it is verified, not even its shape. */
export interface StoredState {
  readonly roots: ReadonlyMap<number, Uint8Array>;
  readonly active: ReleaseRecord | undefined;
  readonly staged: ReleaseRecord | undefined;
  /** The release before the active one: what an attacker would most like to serve. */
  readonly retired: ReleaseRecord | undefined;
}

interface Schema extends DBSchema {
  /** Root metadata by version. */
  roots: { key: number; value: Uint8Array };
  /** The newest trusted metadata by role name. */
  metadata: { key: string; value: Uint8Array };
  releases: { key: 'active' | 'staged' | 'retired'; value: ReleaseRecord };
  /** File bytes by the hash that the targets metadata lists. */
  files: { key: string; value: Uint8Array };
  violations: { key: number; value: Violation };
}

const SCHEMA_VERSION = 1;
const OBJECT_STORES = ['roots', 'metadata', 'releases', 'files', 'violations'] as const;
/** How long (milliseconds) to wait for a database that someone may be holding; a page's request waits with it. */
const OPEN_WITHIN = 5_000;
/** How long (milliseconds) not to try again after that. */
const OPEN_AGAIN_AFTER = 1_000;
/** Enough to see what an attack did; bounded, because a page script can cause violations at will. */
const VIOLATIONS_KEPT = 100;

/**
 * The worker's memory in IndexedDB. Any script on the origin can write there, so whoever reads from it verifies. One transaction per
 * change of state.
 */
export class Store implements MetadataStore {
  readonly #name: string;
  #database: Promise<IDBPDatabase<Schema>> | undefined;

  /** @param scope the worker's scope (absolute URL): each has its own database */
  constructor(scope: string) {
    this.#name = `vouchsafe ${scope}`;
  }

  /** Roots and releases, in one transaction. @throws `storage` */
  async loadState(): Promise<StoredState> {
    const [versions, roots, active, staged, retired] = await this.#run((database) => {
      const transaction = database.transaction(['roots', 'releases']);
      const stored = transaction.objectStore('roots');
      const releases = transaction.objectStore('releases');
      return Promise.all([
        stored.getAllKeys(),
        stored.getAll(),
        releases.get('active'),
        releases.get('staged'),
        releases.get('retired'),
      ]);
    });
    return { roots: new Map(versions.map((version, i) => [version, roots[i] as Uint8Array])), active, staged, retired };
  }

  loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.#get('roots', version);
  }

  async saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    await this.#run(async (database) => {
      const transaction = database.transaction(['roots', 'metadata'], 'readwrite');
      const metadata = transaction.objectStore('metadata');
      await Promise.all([
        transaction.objectStore('roots').put(bytes, version),
        ...discard.map((role) => metadata.delete(role)),
        transaction.done,
      ]);
    });
  }

  loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.#get('metadata', role);
  }

  saveRole(role: string, bytes: Uint8Array): Promise<void> {
    return this.#put('metadata', role, bytes);
  }

  /** @param hash as the targets metadata lists it, hex. @throws `storage` */
  loadFile(hash: string): Promise<Uint8Array | undefined> {
    return this.#get('files', hash);
  }

  /** @param hash the hash that `bytes` were checked against, hex. @throws `storage` */
  saveFile(hash: string, bytes: Uint8Array): Promise<void> {
    return this.#put('files', hash, bytes);
  }

  /** The hashes under which files are stored. @throws `storage` */
  async storedHashes(): Promise<Set<string>> {
    return new Set(await this.#run((database) => database.getAllKeys('files')));
  }

  /** Keeps a complete release beside the active one, or newer metadata of the same release. @throws `storage` */
  saveRelease(which: 'active' | 'staged', record: ReleaseRecord): Promise<void> {
    return this.#put('releases', which, record);
  }

  /**
   * Makes a release the active one, the active one the retired one, and forgets the staged one: old or new, whole, whenever the worker is
   * killed.
   *
   * @param record the release
   * @throws `storage`
   */
  async activate(record: ReleaseRecord): Promise<void> {
    await this.#run(async (database) => {
      const { store, done } = database.transaction('releases', 'readwrite');
      const retired = await store.get('active');
      await Promise.all([retired && store.put(retired, 'retired'), store.put(record, 'active'), store.delete('staged'), done]);
    });
  }

  /** Forgets every file but these. @throws `storage` */
  async keepFiles(hashes: ReadonlySet<string>): Promise<void> {
    await this.#run(async (database) => {
      const { store, done } = database.transaction('files', 'readwrite');
      const unused = (await store.getAllKeys()).filter((hash) => !hashes.has(hash));
      await Promise.all([...unused.map((hash) => store.delete(hash)), done]);
    });
  }

  /** Adds a violation and drops the oldest beyond the bound. @throws `storage` */
  async saveViolation(violation: Violation): Promise<void> {
    await this.#run(async (database) => {
      const transaction = database.transaction('violations', 'readwrite');
      await transaction.store.add(violation);
      const keys = await transaction.store.getAllKeys();
      const oldest = keys.slice(0, Math.max(0, keys.length - VIOLATIONS_KEPT));
      await Promise.all([...oldest.map((key) => transaction.store.delete(key)), transaction.done]);
    });
  }

  /** The recorded violations, oldest first. @throws `storage` */
  async loadViolations(): Promise<Violation[]> {
    return this.#run((database) => database.getAll('violations'));
  }

  async #get(name: 'roots' | 'metadata' | 'files', key: string | number): Promise<Uint8Array | undefined> {
    const value: unknown = await this.#run((database) => database.get(name, key));
    return value instanceof Uint8Array ? value : undefined;
  }

  async #put<Name extends StoreNames<Schema>>(
    name: Name,
    key: StoreKey<Schema, Name>,
    value: StoreValue<Schema, Name>,
  ): Promise<void> {
    await this.#run((database) => database.put(name, value, key));
  }

  async #run<T>(work: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    this.#database ??= inTime(this.#open());
    const opening = this.#database;
    // What failed once is not used again: a deleted database, a full disk. One that could not be opened is left alone for a moment, so
    // that a page does not wait for each of its requests in turn.
    const forget = () => {
      if (this.#database === opening) this.#database = undefined;
    };
    opening.catch(() => setTimeout(forget, OPEN_AGAIN_AFTER));
    try {
      const database = await opening;
      return await work(database).catch((error) => {
        forget();
        throw error;
      });
    } catch (cause) {
      throw new VouchsafeError('storage', `The browser's storage failed: ${cause}`, {}, cause);
    }
  }

  async #open(): Promise<IDBPDatabase<Schema>> {
    try {
      const database = await this.#connect();
      if (OBJECT_STORES.every((name) => database.objectStoreNames.contains(name))) return database;
      database.close();
    } catch (error) {
      if ((error as DOMException).name !== 'VersionError') throw error;
    }
    // A script of the page made the database before us, or raised its version. It could as well have deleted it; starting over heals.
    await deleteDB(this.#name);
    return this.#connect();
  }

  #connect(): Promise<IDBPDatabase<Schema>> {
    const forget = () => {
      this.#database = undefined;
    };
    return openDB<Schema>(this.#name, SCHEMA_VERSION, {
      upgrade(database) {
        for (const name of OBJECT_STORES) database.createObjectStore(name, { autoIncrement: name === 'violations' });
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

/** Requests for a database that someone holds wait without an event that says so. */
function inTime<T>(opening: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('another page holds the database')), OPEN_WITHIN);
    opening.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

import type { Violation } from '../messages/messages.js';
import type { VouchsafeError } from '../tuf/errors.js';
import type { MetadataStore } from '../tuf/updater.js';
import { byId, type Change, isWellFormed } from './change.js';
import { Connection } from './connection.js';
import { type Documents, hasDocument, keepDocuments, loadDocument, putDocuments } from './documents.js';
import { PackedFiles } from './files.js';
import {
  type DocumentName,
  type ReleaseRecord,
  SMALL_STORES,
  type SmallStores,
  type StoredState,
  type Transaction,
} from './schema.js';
import { loadViolations, markReported, saveViolation } from './violations.js';

export type { Documents } from './documents.js';
export type { DocumentName, Pin, ReleaseRecord, StoredState } from './schema.js';

/** As `byId` has it. */
const STAGED = 'state staged';

/** How many pins that nobody wants may stay. As many are remembered of pages that are closed, which may come back. */
const GONE_PINS = 100;

/** Of the newest metadata. The targets may have many megabytes: only a refresh needs them, and asks for them itself. */
const SMALL_ROLES = ['timestamp', 'snapshot'];

/**
 * The worker's memory in IndexedDB. Any script on the origin can write there, so whoever reads from it verifies. One transaction per
 * change of state.
 *
 * While the database cannot be used, this life of the worker goes on without: what is small is kept in memory, and written when the
 * database is there again; files are not kept.
 */
export class Store implements MetadataStore {
  readonly #connection: Connection;
  readonly #files: PackedFiles;
  /** What this life has read or written. */
  #memory = new Map<string, Change>();
  /** Of the roles, those that it has read or written. */
  readonly #seen = new Set<string>();
  /** The first reading, begun before anybody asked for it. */
  #reading: Promise<boolean> | undefined;
  #hasRead = false;
  /** What is still being read then is not to be kept. */
  #isCleared = false;
  /** What is not in the database yet. */
  #unsaved = new Map<string, Change>();

  /**
   * @param scope the worker's scope (absolute URL): each has its own database
   * @param onFailure told each time the database can no longer be used
   */
  constructor(scope: string, onFailure: (error: VouchsafeError) => void = () => {}) {
    this.#connection = new Connection(`vouchsafe ${scope}`, {
      onFailure,
      // Somebody deleted it. What this life knows is worth more than nothing: an attacker would like it forgotten.
      onEmpty: () => {
        this.#unsaved = new Map([...this.#memory, ...this.#unsaved]);
        this.#files.reset();
      },
      catchUp: () => (this.#unsaved.size > 0 ? (transaction) => this.#writeUnsaved(transaction) : undefined),
    });
    this.#files = new PackedFiles(this.#connection);
  }

  /** Where state is kept now. */
  get kept(): 'indexeddb' | 'memory' {
    return this.#connection.isDown ? 'memory' : 'indexeddb';
  }

  /**
   * Starts to read what a worker that has just started will want: what it was started for comes a moment later. It is no more trusted for that: whoever
   * gets it verifies it. Never throws.
   */
  prepare(): void {
    this.#reading = this.#read();
    this.#files.prepare();
  }

  /** Everything but files, documents and violations, in one transaction. Never rejects: without a database it is what this life knows. */
  async loadState(): Promise<StoredState> {
    const reading = this.#reading;
    this.#reading = undefined;
    // The database may have come back since that failed.
    this.#hasRead = (await reading) || (await this.#read());
    return this.#state();
  }

  /** Whether the last `loadState` has read the database. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  async #read(): Promise<boolean> {
    try {
      await this.#connection.run(SMALL_STORES, 'readonly', async (transaction) => {
        const all = await Promise.all(
          SMALL_STORES.map(async (name) => {
            const store = transaction.objectStore(name);
            const [keys, values] = await Promise.all(
              name === 'metadata'
                ? [SMALL_ROLES, Promise.all(SMALL_ROLES.map((role) => store.get(role as never)))]
                : [store.getAllKeys(), store.getAll()],
            );
            return keys.map((key, i) => [name, key, values[i]] as unknown as Change);
          }),
        );
        if (this.#isCleared) return;
        for (const role of SMALL_ROLES) this.#seen.add(`metadata ${role}`);
        this.#memory = new Map(all.flat().filter(isWellFormed).map(byId));
        // What was changed while this was read.
        for (const [id, change] of this.#unsaved) this.#memory.set(id, change);
      });
      return true;
    } catch {
      // Told already.
      return false;
    }
  }

  loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.#get('roots', version);
  }

  saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    return this.#write(['roots', version, bytes], ...discard.map((role): Change => ['metadata', role, undefined]));
  }

  loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.#get('metadata', role);
  }

  saveRole(role: string, bytes: Uint8Array): Promise<void> {
    return this.#write(['metadata', role, bytes]);
  }

  /** Starts to read files that a page which opens is about to ask for. */
  readAhead(): Promise<void> {
    return this.#files.readAhead();
  }

  /** Keeps a release, or newer metadata of one that is kept. @throws `quota` */
  saveRelease(key: string, record: ReleaseRecord): Promise<void> {
    return this.#write(['releases', key, record]);
  }

  /**
   * Keeps a release and makes it the staged one.
   *
   * @param key what it is stored under
   * @param record its metadata
   * @param documents the rest of that. Without a database they are not kept
   * @throws `quota`
   */
  async stage(key: string, record: ReleaseRecord, documents: Documents): Promise<void> {
    const before = this.#memory.get(STAGED);
    try {
      await this.#writeWith([key, documents], ['releases', key, record], ['state', 'staged', key]);
    } catch (error) {
      // When there is room again its files may be gone: it must not be staged then, by what was left to be saved.
      for (const id of [STAGED, `releases ${key}`]) {
        this.#unsaved.delete(id);
        this.#memory.delete(id);
      }
      if (before) this.#memory.set(STAGED, before);
      throw error;
    }
  }

  /**
   * One of a release's documents. Never rejects: what cannot be read is not there.
   *
   * @param key of the release
   * @param name which
   * @returns unverified bytes
   */
  loadDocument(key: string, name: DocumentName): Promise<Uint8Array | undefined> {
    return loadDocument(this.#connection, key, name).catch(() => undefined);
  }

  /** Whether a release has a document. Never rejects: of what cannot be read nothing is known to be missing. */
  hasDocument(key: string, name: DocumentName): Promise<boolean> {
    return hasDocument(this.#connection, key, name).catch(() => true);
  }

  /** Replaces documents of a release that were lost or damaged. @throws `quota` */
  saveDocuments(key: string, documents: Documents): Promise<void> {
    return this.#connection
      .run(['documents'], 'readwrite', (transaction) => putDocuments(transaction, key, documents))
      .catch(unlessQuota);
  }

  /** Makes a release that is kept the active one: old or new, whole, whenever the worker is killed. @throws `quota` */
  async activate(key: string): Promise<void> {
    const { staged } = await this.loadState();
    await this.#write(['state', 'active', key], ...(staged === key ? [['state', 'staged', undefined] as const] : []));
  }

  /**
   * Remembers which release a client stays on.
   *
   * @param client its id
   * @param release key
   * @param time now, in milliseconds since 1970
   * @throws `quota`
   */
  pin(client: string, release: string, time: number): Promise<void> {
    return this.#write(['pins', client, { release, time }]);
  }

  /**
   * Forgets every release but these, and the active and the staged one, and every pin but those that are wanted at the moment when it is. Never rejects.
   */
  async keep(releases: ReadonlySet<string>, isPinned: (client: string) => boolean): Promise<void> {
    const state = await this.loadState();
    const wanted = new Set([...releases, state.active, state.staged].filter((key) => key !== undefined));
    const unwanted: Change[] = [];
    for (const key of state.releases.keys()) if (!wanted.has(key)) unwanted.push(['releases', key, undefined]);
    for (const client of state.pins.keys()) if (!isPinned(client)) unwanted.push(['pins', client, undefined]);
    // What waits to be saved goes with it, and may need room that is not there; then this waits, too, and does not keep the files.
    if (unwanted.length > 0) await this.#write(...unwanted).catch(() => {});
    await keepDocuments(this.#connection, wanted).catch(() => {});
  }

  /** Whether so many stored pins are wanted by nobody that they should go: they are read at each start. */
  hasGonePins(isPinned: (client: string) => boolean): boolean {
    const gone = [...this.#memory.values()].filter(([name, key, value]) => name === 'pins' && value && !isPinned(key));
    return gone.length > GONE_PINS;
  }

  /** @param activation the app's own activation policy, if it has one. @throws `quota` */
  saveActivation(activation: string | undefined): Promise<void> {
    return this.#write(['state', 'activation', activation]);
  }

  /** When the last look began by what the store says, which `loadState` has read, in milliseconds since 1970; 0 when it says nothing. */
  get looked(): number {
    const time = this.#memory.get('state looked')?.[2];
    // No more digits than a date can have.
    return typeof time === 'string' && /^\d{1,15}$/.test(time) ? Number(time) : 0;
  }

  /** Notes when a look began. Never rejects: it is only there to look less often. */
  saveLooked(time: number): Promise<void> {
    return this.#write(['state', 'looked', `${time}`]).catch(() => {});
  }

  /** A number from 0 to 99, drawn the first time and kept. */
  async lot(): Promise<number> {
    await this.loadState();
    const drawn = Number(this.#memory.get('state lot')?.[2]);
    if (Number.isInteger(drawn) && drawn >= 0 && drawn < 100) return drawn;
    const lot = (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % 100;
    // Without room it is in memory at least, for this life.
    await this.#write(['state', 'lot', `${lot}`]).catch(() => {});
    return lot;
  }

  /** Forgets what is in memory of the files: they are read again. */
  rereadFiles(): void {
    this.#files.reset();
  }

  /**
   * What is stored under a hash. Never rejects: what cannot be read is not there.
   *
   * @param hash as the targets metadata lists it, hex
   * @returns unverified bytes, not to be written to: the same object again for as long as they are in this life's memory
   */
  loadFile(hash: string): Promise<Uint8Array | undefined> {
    return this.#files.load(hash).catch(() => undefined);
  }

  /**
   * For what is read once, from its beginning to its end, such as the chunks of a large file.
   *
   * @returns as `loadFile`, but each time a copy that is the caller's own. Keeps in memory one pack at most
   */
  fileReader(): (hash: string) => Promise<Uint8Array | undefined> {
    const read = this.#files.reader();
    return (hash) => read(hash).catch(() => undefined);
  }

  /**
   * Stores files together, in place of what is stored under their hashes. Without a database they are not kept.
   *
   * @param files by the hash that they were checked against, hex
   * @throws `quota`
   */
  saveFiles(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#files.save(files).catch(unlessQuota);
  }

  /** The same for chunks of large files, which are read with `fileReader`. @throws `quota` */
  saveChunks(chunks: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#files.saveChunks(chunks).catch(unlessQuota);
  }

  /** The hashes under which files are stored. Never rejects. */
  storedHashes(): Promise<ReadonlySet<string>> {
    return this.#files.hashes().catch(() => new Set());
  }

  /** Forgets every file but these, and tidies up, some at a time. @returns whether there was another. @throws `quota` */
  async keepFiles(hashes: ReadonlySet<string>): Promise<boolean> {
    return !!(await this.#files.keep(hashes).catch(unlessQuota));
  }

  /** Whether there is a record of files most of which are none of these. Never rejects. */
  hasGarbage(hashes: ReadonlySet<string>): Promise<boolean> {
    return this.#files.hasGarbage(hashes).catch(() => false);
  }

  /** Adds a violation and drops the oldest beyond the bound. @throws `storage`, `quota` */
  saveViolation(violation: Violation): Promise<void> {
    return saveViolation(this.#connection, violation);
  }

  /** The recorded violations, oldest first. @throws `storage` */
  async loadViolations(): Promise<Violation[]> {
    return Array.from((await loadViolations(this.#connection)).values(), ({ reported: _, ...violation }) => violation);
  }

  /** The violations that nobody has reported yet, by key, oldest first. @throws `storage` */
  async unreported(): Promise<Map<number, Violation>> {
    return new Map([...(await loadViolations(this.#connection))].filter(([, { reported }]) => !reported));
  }

  /** @param keys of violations that have been reported. @throws `storage`, `quota` */
  markReported(keys: Iterable<number>): Promise<void> {
    return markReported(this.#connection, keys);
  }

  /** Forgets everything; this life keeps nothing from then on. @throws `storage` */
  async clear(): Promise<void> {
    this.#isCleared = true;
    this.#memory.clear();
    this.#unsaved.clear();
    this.#files.reset();
    await this.#connection.delete();
  }

  async #get(name: 'roots' | 'metadata', key: string | number): Promise<Uint8Array | undefined> {
    const id = `${name} ${key}`;
    try {
      const value: unknown = await this.#connection.run([name], 'readonly', (transaction) =>
        transaction.objectStore(name).get(key as never),
      );
      this.#seen.add(id);
      if (!this.#unsaved.has(id)) this.#remember([name, key, value] as Change);
    } catch {
      // Told already.
    }
    return this.#memory.get(id)?.[2] as Uint8Array | undefined;
  }

  #remember(change: Change): void {
    const [id] = byId(change);
    if (isWellFormed(change)) this.#memory.set(id, change);
    else this.#memory.delete(id);
  }

  #write(...changes: Change[]): Promise<void> {
    return this.#writeWith(undefined, ...changes);
  }

  async #writeWith(more: readonly [release: string, documents: Documents] | undefined, ...changes: Change[]): Promise<void> {
    for (const change of changes) {
      this.#remember(change);
      this.#unsaved.set(...byId(change));
    }
    // Roots and roles are what protects from rollback. A release, a pointer, a pin may be lost: then an older state is there, whole.
    const durability = changes.some(([name]) => name === 'roots' || name === 'metadata') ? 'strict' : 'relaxed';
    const names = more ? ([...SMALL_STORES, 'documents'] as const) : SMALL_STORES;
    const write = async (transaction: Transaction) => {
      if (more) await putDocuments(transaction, ...more);
      await this.#writeUnsaved(transaction);
    };
    await this.#connection.run(names, 'readwrite', write, durability).catch(unlessQuota);
  }

  async #writeUnsaved(transaction: Transaction): Promise<void> {
    const changes = [...this.#unsaved];
    await Promise.all(
      changes.map(async ([id, [name, key, value]]) => {
        const store = transaction.objectStore(name);
        // What this life never read may be newer than what it was given meanwhile: a rollback must not be written over it.
        if (!this.#seen.has(id) && name === 'metadata' && value !== undefined && (await store.get(key as never)) !== undefined)
          return undefined;
        return value === undefined ? store.delete(key as never) : store.put(value as never, key as never);
      }),
    );
    await transaction.done;
    for (const [id, change] of changes) {
      this.#seen.add(id);
      if (this.#unsaved.get(id) === change) this.#unsaved.delete(id);
    }
  }

  #state(): StoredState {
    const all = <Name extends keyof SmallStores>(name: Name) => {
      const records = [...this.#memory.values()].filter((change) => change[0] === name);
      return new Map(records.map(([, key, value]) => [key, value] as [SmallStores[Name]['key'], SmallStores[Name]['value']]));
    };
    const state = all('state');
    return {
      roots: all('roots'),
      releases: all('releases'),
      active: state.get('active'),
      staged: state.get('staged'),
      pins: all('pins'),
      activation: state.get('activation'),
    };
  }
}

/** Other failures have been told, and the store goes on without the database. */
function unlessQuota(error: unknown): void {
  if ((error as VouchsafeError).code === 'quota') throw error;
}

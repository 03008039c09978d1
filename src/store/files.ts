import { VouchsafeError } from '../tuf/errors.js';
import type { Connection } from './connection.js';
import { blobPackOf, PACK_SIZE, type Pack, type Place, packOf, placesIn } from './pack.js';
import { PackReader, readBlob } from './pack-reader.js';
import { nextKey, type Transaction } from './schema.js';

/** Bytes of packs that are held in memory. A page asks for most of its files at once, and they are in the same packs. */
const HELD = 16 * 2 ** 20;
/** Bytes of packs that are read before they are asked for. More would keep the first answers waiting, and it is not known whether a page wants it. */
const AHEAD = 2 ** 21;
/** Bytes that are rewritten at once, at most, and as many in Blobs: reads wait, and what is no Blob is in memory meanwhile. */
const REWRITTEN = 16 * 2 ** 20;
/** Bytes. Smaller packs are merged into such that are larger, and no larger than need be: each answer waits for the pack that it is in. */
const SMALL = PACK_SIZE / 4;
/** How many small packs there may be before they are merged. */
const SMALL_PACKS = 8;
/** Packs that are read at once to be rewritten, at most. */
const REWRITTEN_PACKS = 500;

const PACKS = ['packs', 'indexes'] as const;

/** What is left of a stored pack. */
interface Kept {
  readonly isBlob: boolean;
  readonly all: string[];
  readonly live: Map<string, Place>;
  liveBytes: number;
  bytes: number;
}

/** A pack in memory. */
interface Held {
  readonly pack: Promise<Uint8Array | undefined>;
  /** The files in it that were asked for, by hash: the same object each time, for as long as the pack is held. */
  readonly views: Map<string, Uint8Array>;
  size: number;
}

/** Files by hash, many to a record: 150 of them take one read instead of 150. */
export class PackedFiles {
  readonly #connection: Connection;
  /** Read once, when the first file is asked for. */
  #places: Promise<Map<string, Place>> | undefined;
  /** The least recently used first. */
  readonly #held = new Map<number, Held>();
  /** Until the engine has refused one, or lost one: WebKit stores none in a session that it does not keep. */
  #storesBlobs = true;
  /** Counts how often what was in memory has been forgotten. */
  #life = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Forgets what is in memory. */
  reset(): void {
    this.#places = undefined;
    this.#life++;
    this.#held.clear();
  }

  /** @returns what is stored under a hash, not to be written to: the same object again as long as it is in memory. @throws `storage` */
  async load(hash: string): Promise<Uint8Array | undefined> {
    const places = await this.#known();
    for (let place = places.get(hash); place; place = places.get(hash)) {
      const { pack, begin, end } = place;
      const { views, pack: reading } = this.#hold(pack);
      const file = views.get(hash) ?? (await reading)?.subarray(begin, end);
      if (file?.length === end - begin) {
        views.set(hash, file);
        return file;
      }
      // Unless it has been moved meanwhile, it is gone.
      if (places.get(hash) === place) places.delete(hash);
    }
    return undefined;
  }

  /**
   * Reads what is stored under a hash, for who reads once and in order.
   *
   * @returns the reader, for one read after the other: what it returns is a copy that is its caller's own. @throws `storage`
   */
  reader(): (hash: string) => Promise<Uint8Array | undefined> {
    const newReader = () => ({ life: this.#life, reader: new PackReader((key) => this.#get(key)) });
    let last = newReader();
    return async (hash) => {
      const place = (await this.#known()).get(hash);
      if (!place) return undefined;
      // Another pack may have the key of one that is gone.
      if (last.life !== this.#life) last = newReader();
      // What pages are served from is there already.
      const reading = this.#held.has(place.pack) ? undefined : last.reader.read(place);
      const bytes = await reading?.catch((error) => this.#onLost(place.pack, error));
      return bytes?.length === place.end - place.begin ? bytes : (await this.load(hash))?.slice();
    };
  }

  /** Starts to read where files are. Never throws. */
  prepare(): void {
    this.#known().catch(() => {});
  }

  /**
   * Starts to read what a page that opens is about to ask for: the smallest packs, which are likely to have the release manifest and the page itself.
   * Never rejects: whoever asks for a file is told what was wrong.
   */
  async readAhead(): Promise<void> {
    const sizes = new Map<number, number>();
    const places = await this.#known().catch(() => new Map<string, Place>());
    for (const { pack, end, isBlob } of places.values()) if (!isBlob) sizes.set(pack, Math.max(sizes.get(pack) ?? 0, end));
    let size = 0;
    // Files that were stored one by one, when they were asked for, may be many.
    for (const [key, bytes] of [...sizes].sort(([, a], [, b]) => a - b).slice(0, SMALL_PACKS)) {
      size += bytes;
      if (size > AHEAD) break;
      this.#hold(key).pack.catch(() => {});
    }
  }

  /** Stores files as one pack, in one transaction. What was stored under their hashes before is not read again. @throws `storage`, `quota` */
  async save(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (files.size === 0) return;
    const places = await this.#known();
    this.#remember(await this.#connection.run(PACKS, 'readwrite', (transaction) => add(transaction, packOf(files))), places);
  }

  /**
   * Stores what is read one by one and in order: as a Blob, of which only that comes into memory that is read. What an engine returns of a record of bytes
   * stays there until the next garbage collection, which of 200 MiB would be some 50 at a time. A page script can put another Blob in its place, as with
   * any record: what is checked and served is the copy that was read.
   *
   * @param chunks by hash
   * @throws `storage`, `quota`
   */
  async saveChunks(chunks: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (!this.#storesBlobs || chunks.size === 0) return this.save(chunks);
    const places = await this.#known();
    try {
      this.#remember(await this.#connection.attempt(PACKS, (transaction) => add(transaction, blobPackOf(chunks))), places);
    } catch (error) {
      if ((error as VouchsafeError).code === 'quota') throw error;
      await this.save(chunks);
      // Since bytes can be stored.
      this.#storesBlobs = false;
    }
  }

  /** The hashes of all files, as the database says now. @throws `storage` */
  async hashes(): Promise<Set<string>> {
    const { places } = await this.#connection.run(PACKS, 'readonly', readPlaces);
    return new Set(places.keys());
  }

  /**
   * Forgets all other files, and, where there is room for it, merges small packs and what is left of large ones, some at a time.
   *
   * @param wanted hashes
   * @returns whether there was another file
   * @throws `storage`, `quota`
   */
  async keep(wanted: ReadonlySet<string>): Promise<boolean> {
    const places = await this.#known();
    const hadOther = [...places.keys()].some((hash) => !wanted.has(hash));
    const now = await this.#connection
      .attempt(PACKS, (transaction) => tidy(transaction, wanted, this.#storesBlobs ? 'all' : 'bytes'))
      .catch(async (error: VouchsafeError) => {
        const rest = await this.#connection.run(PACKS, 'readwrite', (transaction) => tidy(transaction, wanted, 'nothing'));
        // Perhaps a Blob is lost, and merging would fail of it each time.
        if (error.code !== 'quota') this.#storesBlobs = false;
        return rest;
      });
    // The same map: a read that is under way looks there again.
    places.clear();
    for (const [hash, place] of now) places.set(hash, place);
    this.#life++;
    this.#held.clear();
    return hadOther;
  }

  /**
   * Whether `keep` would have a pack to delete, or one to make smaller, by what this life of the worker knows. A few bytes that nobody wants, in a pack
   * of others, are none.
   *
   * @param wanted hashes
   * @throws `storage`
   */
  async hasGarbage(wanted: ReadonlySet<string>): Promise<boolean> {
    const packs = new Map<number, { isMerged: boolean; live: number; liveBytes: number; bytes: number }>();
    for (const [hash, { pack: key, begin, end, isBlob }] of await this.#known()) {
      const pack = packs.get(key) ?? { isMerged: !isBlob || this.#storesBlobs, live: 0, liveBytes: 0, bytes: 0 };
      packs.set(key, pack);
      pack.bytes = Math.max(pack.bytes, end);
      if (!wanted.has(hash)) continue;
      pack.live++;
      pack.liveBytes += end - begin;
    }
    return [...packs.values()].some(
      ({ isMerged, live, liveBytes, bytes }) => live === 0 || (isMerged && isGarbage(liveBytes, bytes) && bytes <= REWRITTEN),
    );
  }

  #known(): Promise<Map<string, Place>> {
    if (!this.#places) {
      const reading = this.#connection.run(['indexes'], 'readonly', async (transaction) => {
        const indexes = transaction.objectStore('indexes');
        return placesIn(...(await Promise.all([indexes.getAllKeys(), indexes.getAll()])));
      });
      this.#places = reading;
      reading.catch(() => {
        if (this.#places === reading) this.#places = undefined;
      });
    }
    return this.#places;
  }

  /** A Blob that the engine has lost is not asked for again, and no other is stored. @throws the error, if it is of the database */
  async #onLost(key: number, error: unknown): Promise<undefined> {
    if (error instanceof VouchsafeError) throw error;
    this.#storesBlobs = false;
    const places = await this.#known();
    for (const [hash, { pack }] of places) if (pack === key) places.delete(hash);
  }

  #remember(added: ReadonlyMap<string, Place>, places: Map<string, Place>): void {
    for (const [hash, place] of added) {
      places.set(hash, place);
      // Somebody may have deleted the pack that had this key before.
      this.#held.delete(place.pack);
    }
  }

  #hold(key: number): Held {
    const held = this.#held.get(key) ?? { pack: this.#readPack(key), views: new Map(), size: 0 };
    this.#held.delete(key);
    this.#held.set(key, held);
    return held;
  }

  async #get(key: number): Promise<Uint8Array | Blob | undefined> {
    const pack: unknown = await this.#connection.run(['packs'], 'readonly', (transaction) =>
      transaction.objectStore('packs').get(key),
    );
    // A page script can have stored anything.
    return pack instanceof Uint8Array || pack instanceof Blob ? pack : undefined;
  }

  async #readPack(key: number): Promise<Uint8Array | undefined> {
    try {
      const stored = await this.#get(key);
      const pack = stored instanceof Blob ? await readBlob(stored).catch((error) => this.#onLost(key, error)) : stored;
      if (!pack) throw new TypeError();
      const held = this.#held.get(key);
      if (held) held.size = pack.length;
      let size = 0;
      for (const [other, { size: more }] of [...this.#held].reverse()) {
        size += more;
        if (size > HELD) this.#held.delete(other);
      }
      return pack;
    } catch (error) {
      this.#held.delete(key);
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

async function add(transaction: Transaction, { index, pack }: Pack): Promise<Map<string, Place>> {
  const key = await nextKey(transaction, 'indexes', 'packs');
  await Promise.all([transaction.objectStore('packs').put(pack, key), transaction.objectStore('indexes').put(index, key)]);
  return placesIn([key], [index]);
}

/** Files whose packs are there, and the keys of all packs and indexes. */
async function readPlaces(
  transaction: Pick<Transaction<'readonly' | 'readwrite'>, 'objectStore'>,
): Promise<{ places: Map<string, Place>; keys: Set<number> }> {
  const indexes = transaction.objectStore('indexes');
  const packs = transaction.objectStore('packs');
  const [packKeys, keys, all] = await Promise.all([packs.getAllKeys(), indexes.getAllKeys(), indexes.getAll()]);
  const there = new Set(packKeys);
  return {
    places: placesIn(
      keys,
      all.map((index, i) => (there.has(keys[i] ?? 0) ? index : undefined)),
    ),
    keys: new Set([...packKeys, ...keys]),
  };
}

/** Whether what is left of a pack is worth being written anew. */
function isGarbage(liveBytes: number, bytes: number): boolean {
  return liveBytes < bytes / 2;
}

/** @param merging what is merged: in a life that can store no Blobs, they are left as they are */
async function tidy(
  transaction: Transaction,
  wanted: ReadonlySet<string>,
  merging: 'all' | 'bytes' | 'nothing',
): Promise<Map<string, Place>> {
  const { places, keys } = await readPlaces(transaction);
  const packs = transaction.objectStore('packs');
  const indexes = transaction.objectStore('indexes');
  const kept = new Map<number, Kept>();
  for (const [hash, place] of places) {
    const { isBlob } = place;
    const pack = kept.get(place.pack) ?? { isBlob, all: [], live: new Map<string, Place>(), liveBytes: 0, bytes: 0 };
    kept.set(place.pack, pack);
    pack.all.push(hash);
    pack.bytes = Math.max(pack.bytes, place.end);
    if (wanted.has(hash)) {
      pack.live.set(hash, place);
      pack.liveBytes += place.end - place.begin;
    }
  }
  const unused = [...keys].filter((key) => !kept.get(key)?.live.size);
  // What nobody wants in a pack that stays is still there, and a later release may have it again.
  const remove = (key: number) => {
    for (const hash of kept.get(key)?.all ?? []) places.delete(hash);
    return Promise.all([packs.delete(key), indexes.delete(key)]);
  };
  await Promise.all(unused.map(remove));

  const merge = async (isBlob: boolean) => {
    const used = [...kept].filter(([, pack]) => pack.isBlob === isBlob && pack.live.size > 0);
    const garbage = used.filter(([, { liveBytes, bytes }]) => isGarbage(liveBytes, bytes));
    const small = used.filter(([, { liveBytes, bytes }]) => !isGarbage(liveBytes, bytes) && bytes < SMALL);
    const files = new Map<string, Uint8Array>();
    const slices = new Map<string, Blob>();
    let size = 0;
    let total = 0;
    const flush = async () => {
      for (const [hash, place] of await add(transaction, isBlob ? blobPackOf(slices) : packOf(files))) places.set(hash, place);
      files.clear();
      slices.clear();
      size = 0;
    };
    for (const [key, { live, bytes }] of [...garbage, ...(small.length < SMALL_PACKS ? [] : small)].slice(0, REWRITTEN_PACKS)) {
      total += bytes;
      if (total > REWRITTEN) break;
      const pack: unknown = await packs.get(key);
      await remove(key);
      for (const [hash, { begin, end }] of live) {
        // A transaction does not wait for a Blob to be read.
        if (isBlob && pack instanceof Blob) slices.set(hash, pack.slice(begin, end));
        else if (!isBlob && pack instanceof Uint8Array) files.set(hash, pack.subarray(begin, end));
        else continue;
        size += end - begin;
      }
      if (size >= SMALL) await flush();
    }
    if (files.size > 0 || slices.size > 0) await flush();
  };
  if (merging !== 'nothing') await merge(false);
  if (merging === 'all') await merge(true);
  return places;
}

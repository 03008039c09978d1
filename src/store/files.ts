import type { VouchsafeError } from '../tuf/errors.js';
import { freeMemory } from '../tuf/free-memory.js';
import type { Connection } from './connection.js';
import { PACK_SIZE, type Place, packOf, placesIn } from './pack.js';
import { nextKey, type Transaction } from './schema.js';

/** Bytes of packs that are held in memory. A page asks for most of its files at once, and they are in the same packs. */
const HELD = 16 * 2 ** 20;
/** Bytes of packs that are read before they are asked for. More would keep the first answers waiting, and it is not known whether a page wants it. */
const AHEAD = 2 ** 21;
/** Bytes that are rewritten at once, at most: they are in memory meanwhile, and reads wait. */
const REWRITTEN = 16 * 2 ** 20;
/** Bytes. Smaller packs are merged into such that are larger, and no larger than need be: each answer waits for the pack that it is in. */
const SMALL = PACK_SIZE / 4;
/** How many small packs there may be before they are merged. */
const SMALL_PACKS = 8;
/** Packs that are read at once to be rewritten, at most. */
const REWRITTEN_PACKS = 500;

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
   * @returns the reader: what it returns is a copy that is its caller's own. It keeps the pack it read last, if others may be in it that come next. @throws `storage`
   */
  reader(): (hash: string) => Promise<Uint8Array | undefined> {
    let last: { readonly key: number; readonly life: number; readonly bytes: Uint8Array } | undefined;
    return async (hash) => {
      const place = (await this.#known()).get(hash);
      if (!place) return undefined;
      const { pack: key, begin, end } = place;
      // What pages are served from is there already.
      if (this.#held.has(key)) return (await this.load(hash))?.slice();
      if (last?.key !== key || last.life !== this.#life) {
        if (last) freeMemory(last.bytes);
        last = undefined;
        const life = this.#life;
        const bytes = await this.#connection.run(
          ['packs'],
          'readonly',
          (transaction): Promise<unknown> => transaction.objectStore('packs').get(key),
        );
        if (!(bytes instanceof Uint8Array) || bytes.length < end) return (await this.load(hash))?.slice();
        // Nobody else has what a read returns.
        if (bytes.length === end - begin) return bytes;
        last = { key, life, bytes };
      }
      return last.bytes.slice(begin, end);
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
    for (const { pack, end } of places.values()) sizes.set(pack, Math.max(sizes.get(pack) ?? 0, end));
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
    const added = await this.#connection.run(['packs', 'indexes'], 'readwrite', (transaction) => add(transaction, files));
    for (const [hash, place] of added) {
      places.set(hash, place);
      // Somebody may have deleted the pack that had this key before.
      this.#held.delete(place.pack);
    }
  }

  /** The hashes of all files, as the database says now. @throws `storage` */
  async hashes(): Promise<Set<string>> {
    const { places } = await this.#connection.run(['packs', 'indexes'], 'readonly', readPlaces);
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
    const run = (isMerging: boolean) =>
      this.#connection.run(['packs', 'indexes'], 'readwrite', (transaction) => tidy(transaction, wanted, isMerging));
    const now = await run(true).catch((error: VouchsafeError) => {
      if (error.code !== 'quota') throw error;
      return run(false);
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
    const packs = new Map<number, { live: number; liveBytes: number; bytes: number }>();
    for (const [hash, { pack: key, begin, end }] of await this.#known()) {
      const pack = packs.get(key) ?? { live: 0, liveBytes: 0, bytes: 0 };
      packs.set(key, pack);
      pack.bytes = Math.max(pack.bytes, end);
      if (!wanted.has(hash)) continue;
      pack.live++;
      pack.liveBytes += end - begin;
    }
    return [...packs.values()].some(
      ({ live, liveBytes, bytes }) => live === 0 || (isGarbage(liveBytes, bytes) && bytes <= REWRITTEN),
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

  #hold(key: number): Held {
    const held = this.#held.get(key) ?? { pack: this.#readPack(key), views: new Map(), size: 0 };
    this.#held.delete(key);
    this.#held.set(key, held);
    return held;
  }

  async #readPack(key: number): Promise<Uint8Array | undefined> {
    try {
      const pack: unknown = await this.#connection.run(['packs'], 'readonly', (transaction) =>
        transaction.objectStore('packs').get(key),
      );
      if (!(pack instanceof Uint8Array)) throw new TypeError();
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

async function add(transaction: Transaction, files: ReadonlyMap<string, Uint8Array>): Promise<Map<string, Place>> {
  const key = await nextKey(transaction, 'indexes', 'packs');
  const { index, bytes } = packOf(files);
  await Promise.all([transaction.objectStore('packs').put(bytes, key), transaction.objectStore('indexes').put(index, key)]);
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

async function tidy(transaction: Transaction, wanted: ReadonlySet<string>, isMerging: boolean): Promise<Map<string, Place>> {
  const { places, keys } = await readPlaces(transaction);
  const packs = transaction.objectStore('packs');
  const indexes = transaction.objectStore('indexes');
  /** Of each pack. */
  const kept = new Map<number, { all: string[]; live: Map<string, Place>; liveBytes: number; bytes: number }>();
  for (const [hash, place] of places) {
    const pack = kept.get(place.pack) ?? { all: [], live: new Map<string, Place>(), liveBytes: 0, bytes: 0 };
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
  if (!isMerging) return places;

  const used = [...kept].filter(([, { live }]) => live.size > 0);
  const garbage = used.filter(([, { liveBytes, bytes }]) => isGarbage(liveBytes, bytes));
  const small = used.filter(([, { liveBytes, bytes }]) => !isGarbage(liveBytes, bytes) && bytes < SMALL);
  let files = new Map<string, Uint8Array>();
  let size = 0;
  let total = 0;
  const flush = async () => {
    for (const [hash, place] of await add(transaction, files)) places.set(hash, place);
    files = new Map();
    size = 0;
  };
  for (const [key, { live, bytes }] of [...garbage, ...(small.length < SMALL_PACKS ? [] : small)].slice(0, REWRITTEN_PACKS)) {
    total += bytes;
    if (total > REWRITTEN) break;
    const pack: unknown = await packs.get(key);
    await remove(key);
    for (const [hash, { begin, end }] of live) {
      if (!(pack instanceof Uint8Array)) continue;
      const file = pack.subarray(begin, end);
      files.set(hash, file);
      size += file.length;
    }
    if (size >= SMALL) await flush();
  }
  if (files.size > 0) await flush();
  return places;
}

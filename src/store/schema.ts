import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';
import type { Violation } from '../messages/messages.js';

/**
 * A release as it is stored: the metadata that pins it, as received. The targets metadata is among its documents, since a worker that starts need not read
 * it. Its files are stored by hash.
 */
export interface ReleaseRecord {
  /** Version of the root under which the metadata was verified. */
  readonly rootVersion: number;
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  /** The signed index of the targets metadata, if there is one. */
  readonly index?: Uint8Array;
}

/** What is read of a release's metadata only when it is needed: the targets metadata as received, or a block of it by its number. */
export type DocumentName = 'targets' | number;

/** Which release a client stays on. */
export interface Pin {
  /** The release's key. */
  readonly release: string;
  /** When it was pinned, in milliseconds since 1970. */
  readonly time: number;
}

/** Everything a starting worker rebuilds its trust from. Its shape is right; nothing else of it is believed before it is verified. */
export interface StoredState {
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** By release key. */
  readonly releases: ReadonlyMap<string, ReleaseRecord>;
  /** Keys of releases, which need not be there. */
  readonly active: string | undefined;
  readonly staged: string | undefined;
  /** By client id. */
  readonly pins: ReadonlyMap<string, Pin>;
  /** The app's own activation policy. */
  readonly activation: string | undefined;
}

/** What is in a pack. One string, because 10,000 of them take an engine many times as long to read. */
export interface PackIndex {
  /** Hexadecimal hashes, with a space between them. */
  readonly hashes: string;
  /** Where each file ends in the pack: where the next one begins. */
  readonly ends: Uint32Array;
  /** Whether the pack is a Blob. What earlier workers stored says nothing, and is none. */
  readonly isBlob?: boolean;
}

/** The state that is small enough to be held in memory as well. */
export interface SmallStores {
  /** Root metadata by version. */
  roots: { key: number; value: Uint8Array };
  /** The newest trusted metadata by role name. */
  metadata: { key: string; value: Uint8Array };
  releases: { key: string; value: ReleaseRecord };
  /** `active` and `staged`, which are keys of releases, `activation`, `lot`, and `looked`: when the last look began. */
  state: { key: string; value: string };
  pins: { key: string; value: Pin };
}

export interface Schema extends DBSchema, SmallStores {
  /** Many files, one after the other. */
  packs: { key: number; value: Uint8Array | Blob };
  /** By the key of the pack. */
  indexes: { key: number; value: PackIndex };
  violations: { key: number; value: StoredViolation };
  /** By release key and name. */
  documents: { key: [release: string, name: DocumentName]; value: Uint8Array };
}

/** A violation, and whether the operators have been told. */
export type StoredViolation = Violation & { readonly reported?: true };

export type Name = StoreNames<Schema>;
export type Database = IDBPDatabase<Schema>;
export type Transaction<Mode extends IDBTransactionMode = 'readwrite'> = IDBPTransaction<Schema, Name[], Mode>;

export const SCHEMA_VERSION = 3;
export const SMALL_STORES = ['roots', 'metadata', 'releases', 'state', 'pins'] as const;
export const OBJECT_STORES: Name[] = [...SMALL_STORES, 'packs', 'indexes', 'violations', 'documents'];

/** Above our keys: a script of the page could use the keys up. Strings and dates come after all numbers. */
const KEYS_END = 2 ** 52;

/**
 * The key of a record that comes after all others. What a page script put behind the end of our keys is deleted, and all there is when it
 * left no room before.
 *
 * @param transaction readwrite
 * @param names object stores that have their keys in common; those of the first count
 */
export async function nextKey(transaction: Transaction, ...names: ['violations'] | ['indexes', 'packs']): Promise<number> {
  // One after the other all the same: a transaction's requests are.
  const deleted = names.map((name) => transaction.objectStore(name).delete(IDBKeyRange.lowerBound(KEYS_END)));
  const [last] = await Promise.all([transaction.objectStore(names[0]).openKeyCursor(null, 'prev'), ...deleted]);
  const next = Math.max(0, Math.floor(last?.key ?? 0)) + 1;
  if (next < KEYS_END) return next;
  // Right below the end, each record would be deleted for the next one.
  await Promise.all(names.map((name) => transaction.objectStore(name).clear()));
  return 1;
}

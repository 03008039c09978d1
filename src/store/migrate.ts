import { PACK_SIZE, packOf } from './pack.js';
import { type Database, OBJECT_STORES, type Transaction } from './schema.js';

/**
 * The first schema had one record per file, and the releases' states as their keys; the first two had the targets metadata in the release's record. A page
 * script may have written anything there.
 */
interface OldTransaction {
  objectStore(name: 'files' | 'releases'): {
    openCursor(): Promise<OldCursor | null>;
  };
}
interface OldCursor {
  readonly key: IDBValidKey;
  readonly value: unknown;
  update(value: unknown): Promise<unknown>;
  continue(): Promise<OldCursor | null>;
}

/**
 * Makes the object stores that are missing, and takes over what earlier schemas had, in the upgrade's transaction: after a kill the old
 * database is there, or the new one.
 *
 * @param database being upgraded
 * @param transaction the upgrade's
 * @param withFiles whether to take the files over, too, which for a moment takes twice their room. Without them they are downloaded again
 */
export async function migrate(database: Database, transaction: Transaction<'versionchange'>, withFiles: boolean): Promise<void> {
  for (const name of OBJECT_STORES) {
    const isThere = database.objectStoreNames.contains(name);
    if (isThere && isPlain(transaction.objectStore(name))) continue;
    if (isThere) database.deleteObjectStore(name);
    database.createObjectStore(name);
  }
  const releases = transaction.objectStore('releases');
  const state = transaction.objectStore('state');
  for (const which of ['active', 'staged']) if ((await releases.getKey(which)) !== undefined) await state.put(which, which);
  await moveTargets(transaction);
  if (!database.objectStoreNames.contains('files' as never)) return;
  if (withFiles) await packFiles(transaction);
  database.deleteObjectStore('files' as never);
}

async function moveTargets(transaction: Transaction<'versionchange'>): Promise<void> {
  const old = (transaction as unknown as OldTransaction).objectStore('releases');
  for (let cursor = await old.openCursor(); cursor; cursor = await cursor.continue()) {
    const { targets, ...record } = (cursor.value ?? {}) as { targets?: unknown };
    if (typeof cursor.key !== 'string' || !(targets instanceof Uint8Array)) continue;
    await transaction.objectStore('documents').put(targets, [cursor.key, 'targets']);
    await cursor.update(record);
  }
}

async function packFiles(transaction: Transaction<'versionchange'>): Promise<void> {
  let key = 0;
  let files = new Map<string, Uint8Array>();
  let size = 0;
  const flush = async () => {
    const { index, pack } = packOf(files);
    key++;
    await transaction.objectStore('packs').put(pack, key);
    await transaction.objectStore('indexes').put(index, key);
    files = new Map();
    size = 0;
  };
  const old = (transaction as unknown as OldTransaction).objectStore('files');
  for (let cursor = await old.openCursor(); cursor; cursor = await cursor.continue()) {
    if (typeof cursor.key !== 'string' || !(cursor.value instanceof Uint8Array)) continue;
    files.set(cursor.key, cursor.value);
    size += cursor.value.length;
    if (size >= PACK_SIZE) await flush();
  }
  if (files.size > 0) await flush();
}

/** Whether an object store is as we make it: a page script can make others with the same name. */
export function isPlain({ keyPath, indexNames }: Pick<IDBObjectStore, 'keyPath' | 'indexNames'>): boolean {
  return keyPath === null && indexNames.length === 0;
}

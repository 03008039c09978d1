import type { Connection } from './connection.js';
import type { DocumentName, Transaction } from './schema.js';

/** A release's documents by name. */
export type Documents = ReadonlyMap<DocumentName, Uint8Array>;

/**
 * @param connection to the database
 * @param release key
 * @param name which of its documents
 * @returns unverified bytes, if there are any. @throws `storage`
 */
export async function loadDocument(connection: Connection, release: string, name: DocumentName): Promise<Uint8Array | undefined> {
  const bytes: unknown = await connection.run(['documents'], 'readonly', (transaction) =>
    transaction.objectStore('documents').get([release, name]),
  );
  return bytes instanceof Uint8Array ? bytes : undefined;
}

/**
 * @param transaction that may write documents
 * @param release key
 * @param documents in the place of those that it has under these names
 */
export async function putDocuments(transaction: Transaction, release: string, documents: Documents): Promise<void> {
  const store = transaction.objectStore('documents');
  await Promise.all(Array.from(documents, ([name, bytes]) => store.put(bytes, [release, name])));
}

/** Forgets the documents of every release but these. @throws `storage`, `quota` */
export function keepDocuments(connection: Connection, releases: ReadonlySet<unknown>): Promise<void> {
  return connection.run(['documents'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('documents');
    // A page script can use keys of any form.
    for (const key of await store.getAllKeys()) if (!releases.has((key as unknown[])[0])) await store.delete(key);
  });
}

/** @returns whether a release has a document, whatever is in it. @throws `storage` */
export async function hasDocument(connection: Connection, release: string, name: DocumentName): Promise<boolean> {
  const key = await connection.run(['documents'], 'readonly', (transaction) =>
    transaction.objectStore('documents').getKey([release, name]),
  );
  return key !== undefined;
}

const request = <Result>(asked: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

/**
 * Empties the browser's store of file bytes behind the worker's back, as any script on this origin could. The worker believes nothing
 * that is stored, so all that this does is to make it fetch the files from the server again: through whatever the server now is.
 */
export async function wipeStoredFiles(): Promise<void> {
  for (const { name } of await indexedDB.databases()) {
    if (name?.startsWith('vouchsafe ') !== true) continue;
    const database = await request(indexedDB.open(name));
    try {
      const files = database.transaction('files', 'readwrite').objectStore('files');
      await request(files.clear());
    } finally {
      database.close();
    }
  }
}

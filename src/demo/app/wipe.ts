import type { Vouchsafe } from '../../window/register.js';

/**
 * Deletes the worker's database behind its back, as any script on this origin could. The worker, which is asked before so that it runs,
 * writes down again what it knows of releases, but it holds no files: so all that this does is to make it fetch the files from the server
 * again, through whatever the server now is.
 *
 * @param vouchsafe the worker
 */
export async function wipeStoredFiles(vouchsafe: Vouchsafe): Promise<void> {
  const databases = (await indexedDB.databases()).flatMap(({ name }) => (name?.startsWith('vouchsafe ') ? [name] : []));
  await vouchsafe.status();
  for (const name of databases) {
    await new Promise<void>((resolve, reject) => {
      const deleting = indexedDB.deleteDatabase(name);
      deleting.onsuccess = () => resolve();
      deleting.onerror = () => reject(deleting.error);
    });
  }
  await vouchsafe.status();
}

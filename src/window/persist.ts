const ASKED_KEY = 'vouchsafe-persist-asked';

/**
 * Asks the browser not to evict what this origin has stored. Firefox asks the person, who should not be asked again for each page: once in
 * a tab. Never rejects; `Status.storage.persisted` tells what came of it.
 */
export async function askToPersist(): Promise<void> {
  try {
    if ((await navigator.storage.persisted()) || sessionStorage.getItem(ASKED_KEY) !== null) return;
    sessionStorage.setItem(ASKED_KEY, '');
    await navigator.storage.persist();
  } catch {
    // No storage manager, or storage that is blocked: then nothing is kept anyway.
  }
}

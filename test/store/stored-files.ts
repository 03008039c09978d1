import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, vi } from 'vitest';
import { Store } from '../../src/store/store.js';

export const SCOPE = 'https://files.example/';
const NAME = `vouchsafe ${SCOPE}`;
export const MIB = 2 ** 20;

/** The store of the test that runs, empty at its beginning. */
export let store: Store;

/** Makes `store` anew for each test of a file, and deletes its database afterwards. */
export function storeForEach(): void {
  beforeEach(() => {
    store = new Store(SCOPE);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await deleteDB(NAME);
  });
}

export const bytes = (text: string) => new TextEncoder().encode(text);
/** Files, each of which says its hash. */
export const files = (...hashes: string[]) => new Map(hashes.map((hash) => [hash, bytes(`bytes of ${hash}`)]));

/** Does something to the database behind the store's back, as a script of the page can. */
export async function asPage<T>(work: (page: Awaited<ReturnType<typeof openDB>>) => Promise<T>): Promise<T> {
  const page = await openDB(NAME);
  const result = await work(page);
  page.close();
  return result;
}

export const packKeys = () => asPage((page) => page.getAllKeys('packs'));

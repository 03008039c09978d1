import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import { describe, type TargetFile } from '../../src/tuf/file.js';
import { VerifiedFiles } from '../../src/worker/verified-files.js';

const scope = 'https://verified.example/';
const SIGNED = new TextEncoder().encode('what was signed');
const nothing = () => {
  throw new Error('Nothing is downloaded here.');
};

let file: TargetFile;
let damage: unknown[];

/** A life of the worker that has just begun. */
const started = () =>
  new VerifiedFiles(
    new Store(scope),
    nothing,
    async () => [],
    (error) => damage.push(error),
  );

/** What a script of the page can do: it replaces every stored byte. */
async function alter(): Promise<void> {
  const page = await openDB(`vouchsafe ${scope}`);
  for (const key of await page.getAllKeys('packs')) await page.put('packs', new Uint8Array(SIGNED.length).fill(7), key);
  page.close();
}

beforeEach(async () => {
  damage = [];
  file = { path: 'a.js', ...(await describe(SIGNED)) };
  await started().save(file, SIGNED);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await deleteDB(`vouchsafe ${scope}`);
});

it('C7 a file is hashed when it comes into memory, and not again for as long as it stays there, whatever becomes of the store', async () => {
  const digest = vi.spyOn(crypto.subtle, 'digest');
  const files = started();
  expect(await files.load(file)).toEqual(SIGNED);
  expect(digest).toHaveBeenCalledTimes(1);
  await alter();
  expect(await files.load(file)).toEqual(SIGNED);
  expect(digest).toHaveBeenCalledTimes(1);
  expect(damage).toEqual([]);
});

it('C7 altered bytes are refused by the next life, by one that reads again, and each time they are asked for', async () => {
  const files = started();
  await files.load(file);
  await alter();
  files.reread();
  for (const life of [files, files, started()]) expect(await life.load(file)).toBeUndefined();
  expect(damage).toMatchObject([{ code: 'mismatch' }, { code: 'mismatch' }, { code: 'mismatch' }]);
});

it('C7 bytes in memory that matched one file have to match another of the same hash, too', async () => {
  const files = started();
  await files.load(file);
  expect(await files.load({ ...file, length: file.length + 1 })).toBeUndefined();
  expect(await files.load({ ...file, hashes: { ...file.hashes, sha512: '00' } })).toBeUndefined();
  expect(await files.load({ ...file })).toEqual(SIGNED);
});

import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect } from '../browser/fixtures.js';
import { makeSmallRelease, shownBy, whole } from '../browser/small-app.js';

/** Bytes from which on a file is signed, asked for and stored in chunks. */
export const CHUNK_FROM = 500_000;

/** Bytes of a release, about. */
export const BYTES = CHUNK_FROM * 2 + 200_000;

/** By file name, of each release by its name: SHA-256, hex. */
export type Releases = Map<string, Record<string, string>>;

/**
 * Makes a release with one file in chunks, one of some size, one that all releases have in common, and a few that say which release
 * they are of.
 *
 * @param folder where to
 * @param name of the release
 * @param releases gets to know it
 * @returns the folder to publish
 */
export async function makeCampaignRelease(folder: string, name: string, releases: Releases): Promise<string> {
  const directory = await makeSmallRelease(folder, name, CHUNK_FROM * 2);
  await writeFile(join(directory, 'picture.bin'), randomBytes(BYTES - CHUNK_FROM * 2 - 50_000));
  await writeFile(join(directory, 'common.txt'), 'the same in all releases'.repeat(2_000));
  const files = await readdir(directory);
  const hashes = files.map(async (file) => {
    const bytes = await readFile(join(directory, file));
    return [file, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  releases.set(name, Object.fromEntries(await Promise.all(hashes)));
  return directory;
}

/**
 * Opens the app anew and expects all of it to be of one release: what it shows, and the bytes of every file that it fetches.
 *
 * @param page any
 * @param releases all that were published
 * @returns the name of the release
 */
export async function expectWhole(page: Page, releases: Releases): Promise<string> {
  const { page: name, ...rest } = await shownBy(page);
  const expected = releases.get(name);
  expect(expected, `The page shows "${name}".`).toBeDefined();
  const fetched = await page.evaluate(
    (files) =>
      Promise.all(
        files.map(async (file) => {
          const response = await fetch(file);
          const hash = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
          const hex = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
          return [file, response.ok ? hex : `status ${response.status}`] as const;
        }),
      ),
    Object.keys(expected ?? {}),
  );
  expect({ shown: { page: name, ...rest }, files: Object.fromEntries(fetched) }).toEqual({ shown: whole(name), files: expected });
  return name;
}

/** What the database holds. */
export interface Stored {
  /** Bytes of files. */
  readonly bytes: number;
  /** Keys of packs, and of what says what is in them. */
  readonly packs: readonly unknown[];
  readonly indexes: readonly unknown[];
  readonly releases: number;
}

/** @returns what is stored for the page's origin */
export function storedBy(page: Page): Promise<Stored> {
  return page.evaluate(async () => {
    const name = (await indexedDB.databases())
      .map((database) => database.name ?? '')
      .find((other) => other.startsWith('vouchsafe '));
    return new Promise<Stored>((resolve, reject) => {
      const opening = indexedDB.open(name ?? '');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction(['packs', 'indexes', 'releases']);
        const packs = transaction.objectStore('packs').getAll();
        const packKeys = transaction.objectStore('packs').getAllKeys();
        const indexKeys = transaction.objectStore('indexes').getAllKeys();
        const releases = transaction.objectStore('releases').count();
        transaction.onerror = () => reject(transaction.error);
        transaction.oncomplete = () => {
          opening.result.close();
          const sizes = (packs.result as (Uint8Array | Blob)[]).map((pack) => (pack instanceof Blob ? pack.size : pack.length));
          const bytes = sizes.reduce((sum, size) => sum + size, 0);
          resolve({ bytes, packs: packKeys.result, indexes: indexKeys.result, releases: releases.result });
        };
      };
    });
  });
}

/** Changes bytes all over every stored pack. */
export async function damageStoredFiles(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const name = (await indexedDB.databases())
      .map((database) => database.name ?? '')
      .find((other) => other.startsWith('vouchsafe '));
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open(name ?? '');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('packs', 'readwrite');
        transaction.objectStore('packs').openCursor().onsuccess = ({ target }) => {
          const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
          if (!cursor) return;
          const pack = cursor.value as Uint8Array | Blob;
          // A transaction does not wait for a Blob to be read.
          if (pack instanceof Blob) cursor.update(new Blob([new Uint8Array(pack.size)]));
          else cursor.update(pack.map((byte, i) => (i % 10_000 ? byte : byte ^ 1)));
          cursor.continue();
        };
        transaction.onerror = () => reject(transaction.error);
        transaction.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    });
  });
}

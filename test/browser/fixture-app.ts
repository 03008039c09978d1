import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';

/** A multi-page app in which every kind of file proves that it ran or was rendered. */
export const FIXTURE_APP = fileURLToPath(new URL('./fixture-app/', import.meta.url));

/** What each part of the app leaves behind when it ran. */
export const EVERYTHING = {
  classic: 'ran',
  module: 'ran',
  dependency: 'imported',
  style: 'applied',
  png: '7x5',
  svg: '24x16',
  font: '240px',
  data: 'signed data',
  wasm: 42,
  manifest: 'Fixture app',
  lazy: 'loaded with a chunk of its own',
  'module-worker': 'module imported',
  worker: 'imported script and signed data',
  frame: 'framed',
};

/** The parts of the app that ran. */
export type Proof = Readonly<Record<string, string | number>>;

/**
 * Waits until the app has tried all its parts.
 *
 * @param page at the app's entry
 * @returns what ran
 */
export async function proofOf(page: Page): Promise<Proof> {
  await page.waitForFunction(() => document.documentElement.dataset.done === 'yes');
  return page.evaluate(() => (window as unknown as { proof: Record<string, string | number> }).proof);
}

/**
 * Makes a release of the app that can be told from others by its title.
 *
 * @param folder where to
 * @param name of the release
 * @returns the folder to publish
 */
export async function makeRelease(folder: string, name: string): Promise<string> {
  const directory = join(folder, `release-${name}`);
  await cp(FIXTURE_APP, directory, { recursive: true });
  const page = join(directory, 'index.html');
  await writeFile(page, (await readFile(page, 'utf8')).replace('The page itself', name));
  return directory;
}

/** Which release the page at the app's entry belongs to. */
export function releaseShown(page: Page): Promise<string> {
  return page
    .locator('#title')
    .textContent()
    .then((title) => title ?? '');
}

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import type { RegisterOptions, Vouchsafe, VouchsafeEventMap } from '../../src/window/register.js';

const BUILT = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What a page has after `registerIn`. */
export interface Registered {
  readonly vouchsafe: Vouchsafe;
  /** Every event, as it came. */
  readonly heard: [keyof VouchsafeEventMap, unknown][];
}

/**
 * Puts the page's side of the library into a release, as a bundler would leave it there.
 *
 * @param directory the release's folder
 * @returns the same
 */
export async function addLibrary(directory: string): Promise<string> {
  const filter = (source: string) => !/\.(d\.ts|map)$/.test(source);
  await cp(join(BUILT, 'window'), join(directory, 'library'), { recursive: true, filter });
  // What its scripts import from beside their folder.
  await cp(join(BUILT, 'messages'), join(directory, 'messages'), { recursive: true, filter });
  return directory;
}

/**
 * Registers as an app does, and notes the events.
 *
 * @param page an open page of a release with the library
 * @param options of `register`
 */
export async function registerIn(page: Page, options: RegisterOptions = {}): Promise<void> {
  await page.evaluate(async (given) => {
    const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
    const vouchsafe = await register(given);
    const heard: Registered['heard'] = [];
    for (const type of ['staged', 'activated', 'violation'] as const)
      vouchsafe.addEventListener(type, ({ detail }: CustomEvent<unknown>) => heard.push([type, detail]));
    Object.assign(window, { vouchsafe, heard });
  }, options);
}

/** @returns the events that the page has heard since `registerIn` */
export const heard = (page: Page): Promise<Registered['heard']> => page.evaluate(() => (window as unknown as Registered).heard);

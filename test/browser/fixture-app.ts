import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';

/** A multi-page app in which every kind of file proves that it ran or was rendered. */
export const FIXTURE_APP = fileURLToPath(new URL('./fixture-app/', import.meta.url));

/** What each part of the app leaves behind when it ran. */
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

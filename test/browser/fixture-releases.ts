import type { Page } from '@playwright/test';
import { makeRelease, releaseShown } from './fixture-app.js';
import { expect, type Site } from './fixtures.js';
import { expectViolation, update } from './page-actions.js';

/**
 * Expects that an update is refused, that the page is told why, and that what ran before still runs.
 *
 * @param page at the app's entry
 * @param code of the refusal
 * @param facts of it that matter
 */
export async function expectRefused(page: Page, code: string, facts: object = {}): Promise<void> {
  const shown = await releaseShown(page);
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code, facts } });
  await expectViolation(page, { code, during: 'update', facts });
  await page.reload();
  expect(await releaseShown(page)).toBe(shown);
}

/**
 * Expects that the site's publisher gets the next release through, as after an attack is over.
 *
 * @param page at the app's entry
 * @param site the site
 * @param folder where to make the release
 * @param release its name
 * @param expires how long its metadata lives, in seconds, where that is not the default
 */
export async function expectNextRelease(
  page: Page,
  site: Site,
  folder: string,
  release: string,
  expires: { readonly [role: string]: number } = {},
): Promise<void> {
  await site.publish(await makeRelease(folder, release), { expires });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await releaseShown(page)).toBe(release);
}

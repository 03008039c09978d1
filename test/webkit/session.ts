import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '../browser/fixtures.js';
import type { WebKit } from './find-webkit.js';
import { type Session, WebDriver } from './webdriver.js';

/** What the configuration tells these tests. */
export interface WebKitOptions {
  readonly webkit: WebKit | undefined;
}

export const test = base.extend<{ session: Session }, WebKitOptions & { webdriver: WebDriver }>({
  webkit: [undefined, { option: true, scope: 'worker' }],

  webdriver: [
    async ({ webkit }, use) => {
      if (!webkit) throw new Error('The configuration names no WebKit.');
      const home = await mkdtemp(join(tmpdir(), 'vouchsafe-webkit-'));
      const webdriver = await WebDriver.start(webkit, home);
      await use(webdriver);
      await webdriver.stop();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
    { scope: 'worker' },
  ],

  /** A browser that knows nothing yet. */
  session: async ({ webdriver }, use) => {
    const session = await webdriver.open();
    await use(session);
    await session.close();
  },
});

/**
 * Opens an app as a person does: goes to its URL and waits until the loader, if it was shown, has given way to the page.
 *
 * @param session the browser
 * @param url the app's URL
 */
export async function openApp(session: Session, url: string): Promise<void> {
  await session.goto(url);
  // To pass, not poll: a command that the loader's navigation comes between fails.
  await expect(async () => {
    const { loader, controlled, state } = await session.evaluate(() => ({
      loader: document.querySelector('script[src$="vouchsafe-loader.js"]') !== null,
      controlled: navigator.serviceWorker.controller !== null,
      state: document.readyState,
    }));
    expect({ loader, controlled, state }).toEqual({ loader: false, controlled: true, state: 'complete' });
  }).toPass({ timeout: 30_000 });
}

/**
 * Waits until the fixture app has tried all its parts.
 *
 * @param session at the app's entry
 * @returns what ran
 */
export async function proofOf(session: Session): Promise<unknown> {
  await expect.poll(() => session.evaluate(() => document.documentElement.dataset.done ?? '')).toBe('yes');
  return session.evaluate(() => (window as unknown as { proof: Record<string, string | number> }).proof);
}

/** Expects the refusal page, with this reason. */
export async function expectRefusalPage(session: Session, reason: string): Promise<void> {
  const shown = () => session.evaluate(() => [document.title, document.querySelector('dd')?.textContent ?? '']);
  expect(await shown()).toEqual(['This page was not shown', reason]);
}

export { expect };

import { writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeRelease } from './fixture-app.js';
import { expect, test } from './fixtures.js';
import { addLibrary, registerIn } from './library.js';
import { openApp } from './page-actions.js';

const TAKES_OVER = `self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));`;

/** What a script on the page may have done to the registration before, and whether that alone locks the page. */
const BEFORE: Record<string, { readonly tamper: (page: Page) => Promise<unknown>; readonly locks: boolean }> = {
  nothing: { tamper: async () => {}, locks: false },
  'the HTTP cache may answer the browser': {
    tamper: (page) =>
      page.evaluate(() =>
        navigator.serviceWorker.register('/vouchsafe-worker.js', { updateViaCache: 'all' }).then(() => undefined),
      ),
    locks: false,
  },
  'another script waits in the place of the worker': {
    tamper: (page) =>
      page.evaluate(async () => {
        const { installing } = await navigator.serviceWorker.register('/evil-worker.js', { updateViaCache: 'none' });
        if (installing) await new Promise((resolve) => installing.addEventListener('statechange', resolve, { once: true }));
      }),
    locks: true,
  },
};

// Registering and looking for a newer script are jobs of one queue in the browser: whoever registers waits for a server that never answers.
for (const [name, { tamper, locks }] of Object.entries(BEFORE)) {
  test(`C11 a page watches over its worker while the server holds back the worker script: before, ${name}`, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await addLibrary(await makeRelease(folder, 'one')));
    const lock = page.getByRole('alertdialog', { name: 'This page was locked' });
    const evil = site.server.lie({
      match: /evil-worker/,
      body: 'self.addEventListener("fetch", () => {})',
      type: 'text/javascript',
    });
    await openApp(page, site.url);
    await tamper(page);
    // The browser's own requests, whichever script it looks at.
    const isLook = (path: string, headers: IncomingHttpHeaders) =>
      path.endsWith('-worker.js') && headers['service-worker'] === 'script';
    evil();
    site.server.lie({ match: isLook, hold: true });
    const held = site.server.nextRequest(isLook);
    await page.evaluate(() => {
      navigator.serviceWorker.ready.then((registration) => registration.update()).catch(() => {});
    });
    await held;
    await registerIn(page);
    if (!locks) {
      await expect(lock).toBeHidden();
      // What was held back is now another script.
      await writeFile(join(site.out, 'vouchsafe-worker.js'), TAKES_OVER);
      site.server.honest();
    }
    await expect(lock).toBeVisible();
    if (!locks) return;
    // Ours has been registered again, and comes in its place when the server lets it.
    site.server.honest();
    const incoming = () =>
      page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration();
        return (registration?.installing ?? registration?.waiting ?? registration?.active)?.scriptURL;
      });
    await expect.poll(incoming).toBe(`${site.url}vouchsafe-worker.js`);
  });
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import { test as base, expect, requestsPastTheWorker } from './fixtures.js';
import { addLibrary, registerIn } from './library.js';
import { expectViolation, openApp, statusOf, stopWorker, update, violationsOf } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

/** With the back/forward cache, which Playwright switches off in Chromium. */
const test = base.extend<{ readonly context: BrowserContext }>({
  context: async ({ playwright, browserName }, use, { project }) => {
    const { channel, launchOptions } = project.use;
    const browser = await playwright[browserName].launch({
      ...launchOptions,
      ...(channel === undefined ? {} : { channel }),
      ...(browserName === 'chromium' && { ignoreDefaultArgs: ['--disable-back-forward-cache'] }),
    });
    await use(await browser.newContext());
    await browser.close();
  },
});

async function makeRelease(folder: string, name: string): Promise<string> {
  const directory = await addLibrary(await makeSmallRelease(folder, name));
  await writeFile(join(directory, 'late.txt'), `late ${name}`);
  await writeFile(join(directory, 'other.html'), `<!doctype html><title>other ${name}</title>`);
  return directory;
}

interface Left {
  /** Set while the page is in the cache: when it comes back, what it loads late. */
  came?: [persisted: boolean, late: string];
}

/** Leaves a page, which will note that it came back and what it got then, at once. */
async function leave(page: Page, url: string): Promise<void> {
  await page.evaluate(() => {
    addEventListener('pageshow', async ({ persisted }) => {
      const late = await fetch('late.txt').then(
        (response) => response.text(),
        () => 'refused',
      );
      (window as unknown as Left).came = [persisted, late];
    });
  });
  await page.goto(url);
}

async function comeBack(page: Page): Promise<Left['came']> {
  await page.evaluate(() => history.back());
  await page.waitForFunction(() => (window as unknown as Left).came !== undefined);
  return page.evaluate(() => (window as unknown as Left).came);
}

/** So that no page counts as open that the browser does not list: the worker finds its pins a minute old. */
async function passTime(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases();
    await new Promise<void>((resolve) => {
      indexedDB.open(name).onsuccess = ({ target }) => {
        const { result } = target as IDBOpenDBRequest;
        const transaction = result.transaction('pins', 'readwrite');
        transaction.objectStore('pins').openCursor().onsuccess = (event) => {
          const cursor = (event.target as IDBRequest<IDBCursorWithValue | null>).result;
          cursor?.update({ ...cursor.value, time: cursor.value.time - 60_000 });
          cursor?.continue();
        };
        transaction.oncomplete = () => {
          result.close();
          resolve();
        };
      };
    });
  });
  await stopWorker(page);
}

test('C14 a page from the back/forward cache is of its own release, whole, and when that is gone, of no other', {
  tag: '@chromium',
}, async ({ context, publishSite, folder }) => {
  const page = await context.newPage();
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const tabs = { page, bare: await context.newPage(), registered: await context.newPage() };
  await tabs.bare.goto(site.url);
  await tabs.registered.goto(site.url);
  await registerIn(tabs.registered, { look: false, persist: false });
  await site.publish(await makeRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });

  // Soon: its release is still there.
  await leave(page, `${site.url}other.html`);
  expect(await page.title()).toBe('other two');
  expect(await comeBack(page)).toEqual([true, 'late one']);
  expect(await shownBy(page)).toEqual(whole('one'));
  expect((await statusOf(page)).pinned).toMatch(/^1-/);

  // Late: nobody is on that release any more, as far as the browser tells.
  const { bare, registered } = tabs;
  await leave(bare, `${site.url}other.html`);
  await leave(registered, `${site.url}other.html`);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  await passTime(page);
  expect((await statusOf(page)).releases.map(({ state }) => state)).toEqual(['active']);
  await site.publish(await makeRelease(folder, 'three'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect((await violationsOf(page)).filter(({ during }) => during === 'request')).toEqual([]);
  expect(await comeBack(bare)).toEqual([true, 'refused']);
  expect(await shownBy(bare)).toEqual({ ...whole('one'), data: 'refused', lazy: 'refused' });
  await expectViolation(page, { code: 'storage', during: 'request' });
  await bare.reload();
  expect(await shownBy(bare)).toEqual(whole('three'));
  // One that called `register()` loads itself again.
  await registered.evaluate(() => history.back());
  await registered.waitForFunction(() => document.title === 'three' && document.readyState === 'complete');
  expect(await shownBy(registered)).toEqual(whole('three'));
  expect(requestsPastTheWorker(site, since).filter((path) => path !== '/favicon.ico')).toEqual([]);
});

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { openApp, statusOf, stopWorker } from './page-actions.js';

const FILES = {
  'index.html': '<!doctype html><meta charset="utf-8"><title>app</title><script src="/main.js"></script>',
  'main.js': "document.title = 'app at ' + location.pathname;",
  'lazy.js': "export const said = 'lazy';",
  'data.txt': '0123456789',
  'help.html': '<!doctype html><meta charset="utf-8"><title>help</title>',
  'manual.html': '<!doctype html><meta charset="utf-8"><title>manual</title>',
  'offline.html': '<!doctype html><meta charset="utf-8"><title>no network</title>',
};

async function makeApp(folder: string): Promise<string> {
  const directory = join(folder, 'app');
  await mkdir(directory);
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(directory, file), text);
  return directory;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Has the worker's store lose files, as an eviction would, and nothing else. */
async function lose(page: Page, ...texts: string[]): Promise<void> {
  const lost = await page.evaluate(async (hashes) => {
    const [{ name = '' } = {}] = await indexedDB.databases();
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    let found = 0;
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction('indexes', 'readwrite');
      transaction.oncomplete = () => resolve();
      transaction.onerror = () => reject(transaction.error);
      transaction.objectStore('indexes').openCursor().onsuccess = ({ target }) => {
        const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
        if (!cursor) return;
        for (const hash of hashes) {
          if (!cursor.value.hashes.includes(hash)) continue;
          found++;
          cursor.value.hashes = cursor.value.hashes.replace(hash, '0'.repeat(hash.length));
        }
        cursor.update(cursor.value);
        cursor.continue();
      };
    });
    database.close();
    return found;
  }, texts.map(sha256));
  expect(lost).toBe(texts.length);
}

const lazySays = (page: Page) =>
  page.evaluate(
    (url) =>
      import(url).then(
        ({ said }) => said as string,
        () => 'refused',
      ),
    `/lazy.js?${crypto.randomUUID()}`,
  );

/** What a range request of ten digits is answered with. */
const digits = (page: Page, range: string) =>
  page.evaluate(async (wanted) => {
    const response = await fetch('/data.txt', { headers: { range: wanted } });
    return [response.status, response.headers.get('content-range'), await response.text()];
  }, range);

test('C15 offline: a deep link, a range, and a file that is not there while the rest runs; it is there again once the network is', async ({
  page,
  folder,
  publishSite,
}) => {
  const site = await publishSite(await makeApp(folder), {
    fallback: 'index.html',
    files: [{ path: 'manual.html', keep: 'on-demand' }],
  });
  await openApp(page, site.url);
  const since = site.server.requests.length;
  await lose(page, FILES['lazy.js'], FILES['help.html']);
  await site.server.goOffline();
  const life = await stopWorker(page);

  // Cold, at an address that is only the app's own.
  expect((await page.goto(`${site.url}orders/7?tab=2#top`))?.status()).toBe(200);
  expect(await page.title()).toBe('app at /orders/7');
  expect((await statusOf(page)).life).not.toBe(life);
  expect(await digits(page, 'bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);

  // One file that was evicted, and pages: one evicted, one that nobody ever opened. The offline page is signed.
  expect(await lazySays(page)).toBe('refused');
  for (const missing of ['help.html', 'manual.html']) {
    expect((await page.goto(site.url + missing))?.status(), missing).toBe(503);
    expect(await page.title(), missing).toBe('no network');
    expect(page.url()).toBe(site.url + missing);
  }
  await page.goto(site.url);
  expect(await page.title()).toBe('app at /');
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  await site.server.goOnline();
  expect(await lazySays(page)).toBe('lazy');
  for (const missing of ['help.html', 'manual.html']) {
    expect((await page.goto(site.url + missing))?.status(), missing).toBe(200);
  }
  await site.server.goOffline();
  await stopWorker(page);
  expect((await page.goto(`${site.url}manual.html`))?.status()).toBe(200);
  expect(await page.title()).toBe('manual');
  expect((await page.goto(`${site.url}help.html`))?.status()).toBe(200);
  expect(await lazySays(page)).toBe('lazy');
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C15 a first visit without the network opens nothing and leaves nothing half done', async ({
  page: first,
  folder,
  publishSite,
}) => {
  const site = await publishSite(await makeApp(folder));
  // The browser's own error page: there is nothing of ours yet that could say anything.
  await site.server.goOffline();
  await expect(first.goto(site.url)).rejects.toThrow(/CONNECTION_REFUSED/);
  await site.server.goOnline();
  // Another tab: the error page of this one may still be coming.
  const page = await first.context().newPage();

  // The loader came, and then nothing more; then the worker did, too, and no file.
  const registrations = () => page.evaluate(() => navigator.serviceWorker.getRegistrations().then((all) => all.length));
  site.server.lie({ match: /vouchsafe-worker/, drop: true });
  await page.goto(site.url);
  await expect(page.locator('#title')).toHaveText('This site was not opened');
  expect(await registrations()).toBe(0);
  const retry = page.getByRole('button', { name: 'Try again' });
  site.server.honest();
  site.server.lie({ match: /\/vouchsafe\//, drop: true });
  await retry.click();
  await expect(page.locator('#facts dd').first()).toHaveText('unreachable');
  site.server.honest();
  await retry.click();
  await expect(page).toHaveTitle('app at /');
  expect(requestsPastTheWorker(site).every((path) => path === '/')).toBe(true);
});

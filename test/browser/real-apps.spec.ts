import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import {
  expectViolation,
  openApp,
  resourcesPastTheWorker,
  statusOf,
  stopWorker,
  watchProblems,
  watchResponses,
  wipeStoredFiles,
} from './page-actions.js';
import { monaco, swagger, viteApp } from './real-apps.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What the hostile server makes of a file. */
const flipped = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
};

/** What a page gets when it fetches a file: the SHA-256 in hex, or `refused`. */
const hashOf = (page: Page, url: string): Promise<string> =>
  page.evaluate(
    (target) =>
      fetch(target)
        .then((answer) => answer.arrayBuffer())
        .then((bytes) => crypto.subtle.digest('SHA-256', bytes))
        .then(
          (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join(''),
          () => 'refused',
        ),
    url,
  );

for (const app of [swagger, monaco, viteApp]) {
  test.describe(app.name, () => {
    test('opens whole, without an error, every request answered by the worker', async ({ page, folder, serve, browserName }) => {
      const server = await serve(await app.publish(folder));
      const problems = watchProblems(page);
      await openApp(page, server.url);
      await app.expectWhole(page);
      // The loader at the entry is all that was asked for under the app's own URLs.
      expect(requestsPastTheWorker({ server })).toEqual(['/']);
      expect(await resourcesPastTheWorker(page)).toEqual([]);
      const asked = server.requests.length;

      // Again, now from the store, by a worker that has to start first.
      const passed = watchResponses(page, server.origin);
      const life = await stopWorker(page);
      await page.reload();
      await app.expectWhole(page);
      expect((await statusOf(page)).life).not.toBe(life);
      expect(requestsPastTheWorker({ server }, asked)).toEqual([]);
      expect(await resourcesPastTheWorker(page)).toEqual([]);
      if (browserName === 'chromium') expect(passed).toEqual([]);

      // And with nobody there.
      await server.goOffline();
      await page.reload();
      await app.expectWhole(page);
      await server.goOnline();

      expect(problems).toEqual([]);
      expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', violations: [] });
    });

    test('A1 one bit of one file of each kind changed on the server never reaches the page', async ({ page, folder, serve }) => {
      test.slow();
      const server = await serve(await app.publish(folder));
      await openApp(page, server.url);
      await app.expectWhole(page);
      for (const [kind, path] of Object.entries(app.kinds)) {
        await test.step(`${kind}: ${path}`, async () => {
          const signed = await readFile(join(folder, 'app', path));
          await wipeStoredFiles(page);
          server.lie({ match: targetFile(path), flip: 'middle' });
          const url = new URL(path, server.url).href;
          const response = await page.reload();
          if (path === 'index.html') {
            expect(response?.status()).toBe(503);
            await expect(page.locator('body')).toContainText('mismatch');
          } else {
            expect(response?.status()).toBe(200);
            // Whatever the app itself made of it: nobody gets the bytes, however they ask.
            expect(await hashOf(page, url)).toBe('refused');
          }
          const bad = flipped(signed);
          await expectViolation(page, {
            code: 'mismatch',
            facts: {
              path,
              expected: expect.stringContaining(sha256(signed)),
              actual: expect.stringContaining(sha256(bad)),
            },
          });
          server.honest();
          // The next kind's reload, and the whole app at the end, show that the app lives on; this, that it has this file again.
          if (path === 'index.html') expect((await page.reload())?.status()).toBe(200);
          else expect(await hashOf(page, url)).toBe(sha256(signed));
        });
      }
      await page.reload();
      await app.expectWhole(page);
    });

    test('A1 a first visit to a server that changes one file opens nothing until it is honest', async ({ page, folder, serve }) => {
      const server = await serve(await app.publish(folder));
      const path = Object.values(app.kinds)[1] ?? '';
      server.lie({ match: targetFile(path), flip: 'last' });
      await page.goto(server.url);
      await expect(page.locator('body')).toContainText(path);
      await expect(page.locator('body')).toContainText('mismatch');
      expect(requestsPastTheWorker({ server })).toEqual(['/']);
      server.honest();
      await page.getByRole('button', { name: 'Try again' }).click();
      await app.expectWhole(page);
    });
  });
}

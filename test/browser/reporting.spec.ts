import type { Page } from '@playwright/test';
import { FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update, violationsOf, wipeStoredFiles } from './page-actions.js';
import { endpoint } from './reporting-endpoint.js';

/** Ends the worker and has the next one begin: what it does not keep in its store, it has forgotten. */
async function restart(page: Page): Promise<void> {
  const life = await stopWorker(page);
  // Firefox stops one that is idle when it gets to it.
  await expect
    .poll(async () => {
      const now = (await statusOf(page)).life;
      if (now === life) await stopWorker(page);
      return now;
    })
    .not.toBe(life);
}

/** The status of what a page fetches, or `refused`. */
const outcomeOf = (page: Page, path: string) =>
  page.evaluate(
    (url) =>
      fetch(url).then(
        (response) => `${response.status}`,
        () => 'refused',
      ),
    path,
  );

test('violations reach the signed reporting endpoint in the Reporting API’s format, with a diagnosis, each once, also when it was down', async ({
  page,
  folder,
  publishSite,
  serve,
}) => {
  const { received, api } = endpoint();
  const operators = await serve(folder, { api });
  // So that no life looks, and reports, but when it is asked to.
  const site = await publishSite(FIXTURE_APP, { lookSeconds: 3_600, reporting: { url: `${operators.origin}/api/reports` } });
  await openApp(page, site.url);
  await proofOf(page);
  // The look after a navigation finds what was wiped, too.
  const reports = () => received.flatMap((one) => one.reports).filter(({ body }) => body.during === 'request');
  const bodies = () => reports().map(({ body }) => [body.code, body.path ?? body.url]);

  site.server.lie({
    match: targetFile('data.json'),
    body: '<!doctype html><title>Sign in</title><form><input type=password>',
    type: 'text/html',
  });
  await wipeStoredFiles(page);
  expect(await outcomeOf(page, 'data.json')).toBe('refused');
  await expect.poll(bodies).toEqual([['mismatch', 'data.json']]);
  // Or the look after the next navigation, which heals what was wiped, would find it again.
  site.server.honest();
  const violation = (await violationsOf(page)).find(({ during }) => during === 'request');
  expect(received[0]?.headers).toMatchObject({ 'content-type': 'application/reports+json', origin: site.server.origin });
  expect(received[0]?.headers).not.toHaveProperty('cookie');
  expect(received[0]?.headers).not.toHaveProperty('referer');
  expect(reports()[0]).toEqual({
    type: 'vouchsafe-violation',
    age: expect.any(Number),
    url: site.url,
    user_agent: await page.evaluate(() => navigator.userAgent),
    body: {
      code: 'mismatch',
      message: violation?.message,
      during: 'request',
      release: expect.stringMatching(/^1-/),
      ...violation?.facts,
      diagnosis: 'login page',
    },
  });
  expect(reports()[0]?.age).toBeGreaterThanOrEqual(0);
  expect(reports()[0]?.age).toBeLessThan(60_000);

  // The endpoint is down, and then answers with an error: what happens meanwhile is kept, also over the worker's end.
  await operators.goOffline();
  expect(await outcomeOf(page, 'not-signed.json')).toBe('refused');
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}not-signed.json` } });
  await restart(page);
  operators.lie({
    match: /reports/,
    status: 500,
    headers: { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'content-type' },
  });
  await operators.goOnline();
  const asked = operators.nextRequest(/reports/);
  expect(await outcomeOf(page, 'not-signed-either.json')).toBe('refused');
  await asked;
  expect(reports()).toHaveLength(1);
  operators.honest();
  await restart(page);
  // Nothing has to go wrong for it: looking for a newer release is enough.
  expect((await update(page)).outcome).toBe('current');
  const three = [
    ['mismatch', 'data.json'],
    ['not-found', `${site.url}not-signed.json`],
    ['not-found', `${site.url}not-signed-either.json`],
  ];
  // In Firefox here a worker that has nothing to do is stopped after half a second. Being asked keeps it.
  await expect
    .poll(async () => {
      await statusOf(page);
      return bodies();
    })
    .toEqual(three);

  // Each once: the next look has nothing more to say, and the worker that starts anew neither.
  await restart(page);
  expect((await update(page)).outcome).toBe('current');
  expect(await outcomeOf(page, 'not-signed-last.json')).toBe('refused');
  await expect.poll(bodies).toEqual([...three, ['not-found', `${site.url}not-signed-last.json`]]);
  expect(await outcomeOf(page, 'data.json')).toBe('200');
  expect(bodies()).toHaveLength(4);
  expect(requestsPastTheWorker(site, 0)).toEqual(['/']);
});

test('a browser that is not in the signed sample reports nothing, and one that is in it reports to a path of the site', {
  tag: '@chromium',
}, async ({ page, publishSite }) => {
  const { received, api } = endpoint();
  const site = await publishSite(FIXTURE_APP, {
    api,
    passthrough: ['/api/'],
    reporting: { url: '/api/reports', samplePercent: 1 },
  });
  await openApp(page, site.url);
  await proofOf(page);
  /** The number from 0 to 99 that the browser drew the first time. */
  const draw = async (lot: string) => {
    await page.evaluate(async (value) => {
      const [{ name = '' } = {}] = await indexedDB.databases();
      await new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('state', 'readwrite');
          transaction.objectStore('state').put(value, 'lot');
          transaction.onabort = () => reject(transaction.error);
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      });
    }, lot);
    await restart(page);
  };
  const codes = () => received.flatMap(({ reports }) => reports.map(({ body }) => body.url));
  await draw('1');
  expect(await outcomeOf(page, 'not-signed-1.json')).toBe('refused');
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}not-signed-1.json` } });
  expect((await update(page)).outcome).toBe('current');
  // All that it was asked for has been answered when it answers this.
  await restart(page);
  expect(received).toEqual([]);
  await draw('0');
  expect(await outcomeOf(page, 'not-signed-2.json')).toBe('refused');
  // What happened before was not sent, and is now.
  await expect.poll(codes).toEqual([`${site.url}not-signed-1.json`, `${site.url}not-signed-2.json`]);
  expect(requestsPastTheWorker(site).filter((path) => path !== '/')).toEqual(['/api/reports']);
});

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, update } from './page-actions.js';

const TIMESTAMP = /metadata\/timestamp\.json$/;
const FOR_A_YEAR = { 'cache-control': 'max-age=31536000', etag: '"for-a-year"' };

test('C16 a timestamp that the HTTP cache may keep for a year holds nobody back', async ({ page, folder, publishSite }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  site.server.lie({ match: TIMESTAMP, headers: FOR_A_YEAR });
  await openApp(page, site.url);
  await site.publish(await makeRelease(folder, 'two'));
  site.server.honest();
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  // It is in the cache: the browser asks whether that is still right.
  const asked = site.server.requests.filter(({ path, lied }) => TIMESTAMP.test(path) && !lied);
  expect(asked[0]?.headers['if-none-match']).toBe(FOR_A_YEAR.etag);
  await openApp(page, site.url);
  expect(await releaseShown(page)).toBe('two');
});

test('C16 a poisoned file in the HTTP cache is passed by, and the app works', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  const isData = targetFile('data.json');
  // Not from the app's own page, which would start the loader: somebody poisons the cache before the first visit.
  await page.goto(`${site.url}vouchsafe/metadata/timestamp.json`);
  const names = (await readdir(join(site.out, 'vouchsafe/targets'))).map((file) => `vouchsafe/targets/${file}`);
  const url = site.url + names.find((name) => isData.test(`/${name}`));
  const fetched = () => page.evaluate(async (address) => (await fetch(address)).text(), url);
  site.server.lie({ match: isData, status: 200, body: '{"text":"poison"}', headers: FOR_A_YEAR });
  expect(await fetched()).toContain('poison');
  site.server.honest();
  expect(await fetched()).toContain('poison');
  await openApp(page, site.url);
  expect(await proofOf(page)).toMatchObject({ data: 'signed data' });
  // The lie, and then the truth: what the worker was given first came from the cache.
  expect(site.server.requests.filter(({ path }) => isData.test(path)).map(({ lied }) => lied)).toEqual([true, false]);
  expect((await statusOf(page)).freshness).toBe('fresh');
  await expectViolation(page, { code: 'mismatch', facts: { path: 'data.json', url: expect.stringMatching(isData) } });
});

test('C16 a timestamp that has not changed costs a few hundred bytes', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const since = site.server.requests.length;
  expect(await update(page)).toEqual({ outcome: 'current' });
  const asked = site.server.requests.slice(since).filter(({ path }) => TIMESTAMP.test(path));
  expect(asked.length).toBeGreaterThan(0);
  for (const { headers, answered } of asked) {
    expect(headers['if-none-match']).toBeDefined();
    expect(answered?.status).toBe(304);
    expect(answered?.bytes).toBeLessThan(400);
  }
});

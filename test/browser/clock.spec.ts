import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';
import { Thief } from './thief.js';

// A browser has the clock of its machine, so it is the signers' clock that is wrong here. It comes to the same.
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const date = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

test('C10 a clock a year behind is reported, and makes nothing fresh that had expired when the newest was signed', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  let later = YEAR;
  const now = () => Date.now() + later;
  const site = await publishSite(await makeSmallRelease(folder, 'one'), { now, rootExpiry: (3 * YEAR) / 1000 });
  await openApp(page, site.url);
  expect(await update(page)).toEqual({ outcome: 'current' });
  const status = await statusOf(page);
  expect(status.freshness).toBe('fresh');
  expect(status.clockBehind).toBeGreaterThan(YEAR - DAY);
  expect(status.clockBehind).toBeLessThanOrEqual(YEAR);
  await expectViolation(page, { code: 'clock', during: 'watch' });

  const thief = new Thief(site);
  const honest = await thief.read('timestamp', 0);
  await thief.forge('timestamp', (signed) => {
    signed.version++;
    // By the device's clock it has not even been signed yet.
    signed.signed_at = date(now() - 30 * DAY);
    signed.expires = date(now() - DAY);
  });
  const refusal = { code: 'expired', facts: { role: 'timestamp', version: 2 } };
  for (let i = 0; i < 2; i++) {
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal, freshness: 'fresh' });
    await expectViolation(page, { during: 'update', ...refusal });
    const life = await stopWorker(page);
    await page.reload();
    expect(await shownBy(page)).toEqual(whole('one'));
    expect((await statusOf(page)).life).not.toBe(life);
  }
  await thief.write('timestamp', 0, honest);
  await site.publish(await makeSmallRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  // Were it the signers' clock that had been wrong, what they sign now would be a year old for every client: they are told before it is out.
  later = 0;
  await expect(site.publish(await makeSmallRelease(folder, 'three'))).rejects.toThrow(/The timestamp metadata has expired/);
  expect(await update(page)).toEqual({ outcome: 'current' });
});

test('C10 a clock a year ahead refuses pages with advice about it, and is forgotten when it is right', async ({
  page,
  publishSite,
  folder,
}) => {
  let later = -YEAR;
  const site = await publishSite(await makeSmallRelease(folder, 'one'), { now: () => Date.now() + later });
  await page.goto(site.url);
  await expect(page.locator('#title')).toHaveText('This site was not opened');
  const since = site.server.requests.length;
  expect((await page.goto(site.url))?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('expired');
  await expect(page.locator('body')).toContainText(/clock/i);
  expect(await statusOf(page)).toMatchObject({ freshness: 'empty', clockBehind: 0 });
  await expectViolation(page, { code: 'expired', during: 'update', facts: { role: 'timestamp' } });
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  later = 0;
  await site.publish(await makeSmallRelease(folder, 'two'));
  await page.goto(site.url);
  expect(await shownBy(page)).toEqual(whole('two'));
  expect(await update(page)).toEqual({ outcome: 'current' });
  expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', clockBehind: 0 });
});

test('C10 a clock that jumps while the app runs is reported, and the app recovers when it is right again', async ({
  page,
  publishSite,
  folder,
  browserName,
}) => {
  test.skip(browserName === 'firefox', 'nobody reaches into a worker there');
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const since = site.server.requests.length;
  /** Sets the clock of the worker's life, and of no later one, against the machine's. */
  const setClock = async (ahead: number) => {
    const [worker] = page.context().serviceWorkers();
    await worker?.evaluate((by) => {
      Date.now = () => Math.round(performance.timeOrigin + performance.now()) + by;
    }, ahead);
  };
  const day = (time: number) => expect.stringContaining(new Date(time).toISOString().slice(0, 10));

  await setClock(YEAR);
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'expired' }, freshness: 'frozen' });
  await expectViolation(page, {
    code: 'clock',
    during: 'watch',
    facts: { actual: day(Date.now() + YEAR), expected: day(Date.now()) },
  });
  expect((await page.goto(site.url))?.status()).toBe(503);
  await expect(page.locator('body')).toContainText(/clock/i);
  await setClock(0);
  await page.goto(site.url);
  expect(await shownBy(page)).toEqual(whole('one'));
  expect(await update(page)).toEqual({ outcome: 'current' });
  await expectViolation(page, { code: 'clock', facts: { expected: day(Date.now() + YEAR), actual: day(Date.now()) } });
  expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', clockBehind: 0 });

  // So little that nothing expires; it is right again when another life of the worker begins.
  await setClock(DAY);
  expect(await update(page)).toEqual({ outcome: 'current' });
  const life = await stopWorker(page);
  expect(await update(page)).toEqual({ outcome: 'current' });
  await expectViolation(page, { code: 'clock', facts: { expected: day(Date.now() + DAY), actual: day(Date.now()) } });
  expect((await statusOf(page)).life).not.toBe(life);
  await site.publish(await makeSmallRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nextRoot } from '../../dist/repository/root.js';
import { makeRelease, releaseShown } from './fixture-app.js';
import { expectNextRelease, expectRefused } from './fixture-releases.js';
import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';
import { Thief } from './thief.js';

test.describe('A5 rollback', () => {
  test('A5 of the timestamp is refused, also after the worker and the browser have restarted', { tag: '@chromium' }, async ({
    profile,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    const old = join(folder, 'old');
    await cp(site.out, old, { recursive: true });
    let page = await profile.context.newPage();
    await openApp(page, site.url);
    await expectNextRelease(page, site, folder, 'two');

    site.server.out = old;
    const facts = { role: 'timestamp', expected: 'version 2 or later', actual: 'version 1' };
    await expectRefused(page, 'rollback', facts);
    const life = await stopWorker(page);
    await expectRefused(page, 'rollback', facts);
    expect((await statusOf(page)).life).not.toBe(life);
    page = await (await profile.restart()).newPage();
    await openApp(page, site.url);
    expect(await releaseShown(page)).toBe('two');
    await expectRefused(page, 'rollback', facts);

    site.server.out = site.out;
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expectNextRelease(page, site, folder, 'three');
  });

  test('A5 of the snapshot, by someone with the timestamp key, is refused', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await expectNextRelease(page, site, folder, 'two');
    const thief = new Thief(site);
    const honest = await thief.read('timestamp', 0);
    await thief.pinSnapshot(1);
    await expectRefused(page, 'rollback', { role: 'snapshot', expected: 'version 2 or later', actual: 'version 1' });
    await thief.write('timestamp', 0, honest);
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expectNextRelease(page, site, folder, 'three');
  });

  test('A5 of the targets, by someone with the timestamp and snapshot keys, is refused', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await expectNextRelease(page, site, folder, 'two');
    await new Thief(site).forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 1 };
    });
    await expectRefused(page, 'rollback', { role: 'targets', expected: 'version 2 or later', actual: 'version 1' });
    await new Thief(site).forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 2 };
    });
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
  });
});

test.describe('A7 freeze', () => {
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    test(`A7 a ${role} replayed after its expiry freezes the app until there is a newer one`, {
      tag: role === 'timestamp' ? [] : '@chromium',
    }, async ({ profile, publishSite, folder }) => {
      const site = await publishSite(await makeRelease(folder, 'one'));
      let page = await profile.context.newPage();
      await openApp(page, site.url);
      // Not the first release: a first visit may take longer than so short a life.
      await expectNextRelease(page, site, folder, 'two', { [role]: 6 });
      await expect.poll(async () => (await statusOf(page)).freshness).not.toBe('fresh');
      const refusal = { code: 'expired', facts: { role, version: 2 } };
      expect(await update(page)).toMatchObject({ outcome: 'failed', refusal, freshness: 'frozen' });
      expect((await statusOf(page)).freshness).toBe('frozen');
      await expectViolation(page, { during: 'update', ...refusal });

      // Frozen for every page that is opened from now on, and after a restart of the browser.
      const expectFrozen = async (): Promise<void> => {
        expect((await page.goto(site.url))?.status()).toBe(503);
        await expect(page.locator('dd').first()).toHaveText('expired');
      };
      await expectFrozen();
      page = await (await profile.restart()).newPage();
      await expectFrozen();
      await site.publish(await makeRelease(folder, 'three'));
      await openApp(page, site.url);
      expect(await releaseShown(page)).toBe('three');
      expect((await statusOf(page)).freshness).toBe('fresh');
    });
  }

  test('A7 an expired root freezes the app until there is a newer one', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    const thief = new Thief(site);
    const writeRoot = async (version: number, life: number): Promise<void> => {
      const root = await nextRoot(await thief.read('root', version - 1), {}, await thief.signers('root'), Date.now() + life);
      await thief.write('root', version, root);
    };
    await writeRoot(2, 6_000);
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expect.poll(async () => (await statusOf(page)).freshness).not.toBe('fresh');
    expect(await update(page)).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'expired', facts: { role: 'root' } },
      freshness: 'frozen',
    });
    expect((await page.goto(site.url))?.status()).toBe(503);

    await writeRoot(3, 3_600_000);
    await page.reload();
    expect(await releaseShown(page)).toBe('one');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 3 } });
  });

  test('A7 a newer timestamp that has expired already is refused, and what runs goes on', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await new Thief(site).forge('timestamp', (signed) => {
      signed.version++;
      signed.expires = '2020-01-01T00:00:00Z';
    });
    await expectRefused(page, 'expired', { role: 'timestamp', version: 2, actual: '2020-01-01T00:00:00.000Z' });
    expect((await statusOf(page)).freshness).toBe('fresh');
  });
});

test('A8 a snapshot of one version with the targets of another is refused', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await site.publish(await makeRelease(folder, 'two'));
  const metadata = join(site.out, 'vouchsafe/metadata');
  const honest = await readFile(join(metadata, '2.targets.json'));
  await cp(join(metadata, '1.targets.json'), join(metadata, '2.targets.json'));
  // With it the client would not ask for the whole list.
  await rm(join(metadata, 'deltas'), { recursive: true });
  await expectRefused(page, 'mismatch', { role: 'targets', version: 2 });
  await new Thief(site).write('targets', 2, honest);
  await expectNextRelease(page, site, folder, 'three');
});

test('A14 a file that the newest release has no longer is for the pages of the old one only', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const next = await makeSmallRelease(folder, 'two');
  for (const file of ['lazy.js', 'data.txt']) await rm(join(next, file));
  await site.publish(next);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const since = site.server.requests.length;
  const tab = await page.context().newPage();
  await tab.goto(site.url);
  expect(await shownBy(tab)).toEqual({ ...whole('two'), data: 'refused', lazy: 'refused' });
  const life = await stopWorker(tab);
  expect(await shownBy(page)).toEqual(whole('one'));
  expect(await shownBy(tab)).toEqual({ ...whole('two'), data: 'refused', lazy: 'refused' });
  expect((await statusOf(tab)).life).not.toBe(life);
  // A navigation is of the new release, also in the tab that was of the old one.
  expect((await page.goto(`${site.url}data.txt`))?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('not-found');
  await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: `${site.url}data.txt` } });
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  await site.publish(await makeSmallRelease(folder, 'three'));
  expect(await update(tab)).toMatchObject({ outcome: 'staged' });
  await tab.reload();
  expect(await shownBy(tab)).toEqual(whole('three'));
});

test('A14 a staged release one of whose files is revoked is not activated', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const since = site.server.requests.length;
  // Its script is found to be harmful before any page has opened it.
  await site.publish(await makeSmallRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const next = await makeSmallRelease(folder, 'three');
  await rm(join(next, 'lazy.js'));
  await site.publish(next);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual({ ...whole('three'), lazy: 'refused' });
  await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: `${site.url}lazy.js` } });
  expect((await statusOf(page)).releases.filter(({ id }) => id.startsWith('2-'))).toEqual([]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  await site.publish(await makeSmallRelease(folder, 'four'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('four'));
});

import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { PublishOptions } from '../../dist/node/publish.js';
import type { Vouchsafe } from '../../src/window/register.js';
import { EVERYTHING, FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, requestsPastTheWorker, type Site, targetFile, test } from './fixtures.js';
import { addLibrary } from './library.js';
import { openApp, statusOf, stopWorker, storedPacks, update, watchProblems } from './page-actions.js';

/** A release that carries the page's side of the library, as a bundler would leave it there. */
const makeReleaseWithLibrary = async (folder: string, name: string) => addLibrary(await makeRelease(folder, name));

/** Publishes and opens another release. What lives for seconds only is published this way: a first visit may take longer than that. */
async function openNext(page: Page, site: Site, directory: string, more: Partial<PublishOptions>): Promise<void> {
  await site.publish(directory, more);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
}

interface Heard {
  heard: [string, unknown][];
  vouchsafe: Vouchsafe;
}

/** Registers as an app does and notes every event. */
async function registerAndListen(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
    const vouchsafe = await register();
    const heard: [string, unknown][] = [];
    for (const type of ['progress', 'staged', 'activated', 'violation', 'state'] as const) {
      vouchsafe.addEventListener(type, ({ detail }) => heard.push([type, detail]));
    }
    Object.assign(window, { heard, vouchsafe });
  });
}

const heard = (page: Page): Promise<[string, unknown][]> => page.evaluate(() => (window as unknown as Heard).heard);

test('reload, deep link, two tabs: the app comes from the worker, whole', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  const problems = watchProblems(page);
  await openApp(page, site.url);
  // Before the page is left: what it is still loading then, Firefox aborts, and the app's promises reject.
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const since = site.server.requests.length;
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const second = await page.context().newPage();
  await second.goto(`${site.url}pages/about/`);
  expect(await second.title()).toBe('About');
  await second.goto(site.url);
  expect(await proofOf(second)).toEqual(EVERYTHING);
  expect(problems).toEqual([]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('a deep link on the first visit ends at the deep link', async ({ page, publishSite, folder }) => {
  const directory = join(folder, 'spa');
  await cp(FIXTURE_APP, directory, { recursive: true });
  const site = await publishSite(directory, { fallback: 'index.html' });
  // A page of its own, and a path that only the app's router knows: the server has its 404 page for that.
  await page.goto(`${site.url}pages/about/?a=b#c`, { waitUntil: 'commit' });
  await expect(page).toHaveTitle('About');
  expect(page.url()).toBe(`${site.url}pages/about/?a=b#c`);
  const fresh = await (await page.context().browser())?.newPage();
  if (!fresh) throw new Error('No browser.');
  await fresh.goto(`${site.url}users/7`, { waitUntil: 'commit' });
  await expect(fresh).toHaveTitle('Fixture');
  expect(fresh.url()).toBe(`${site.url}users/7`);
  await fresh.close();
});

test('two tabs that both make the first visit both end in the app', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  const second = await page.context().newPage();
  await Promise.all([openApp(page, site.url), openApp(second, site.url)]);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await proofOf(second)).toEqual(EVERYTHING);
});

test('a site under a base path works like one at the root', async ({ page, publishSite, folder }) => {
  const directory = join(folder, 'based');
  await cp(FIXTURE_APP, directory, { recursive: true });
  await writeFile(join(directory, 'main.js'), "document.documentElement.dataset.done = 'yes'; window.proof.module = 'ran';");
  const site = await publishSite(directory, { base: '/shop/' });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual({ classic: 'ran', module: 'ran' });
  expect(await page.evaluate(() => navigator.serviceWorker.ready.then(({ scope }) => new URL(scope).pathname))).toBe('/shop/');
});

test('register() tells of progress, a staged and an activated release, violations and state', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await registerAndListen(page);
  expect(await page.evaluate(() => (window as unknown as Heard).vouchsafe.status())).toMatchObject({
    freshness: 'fresh',
    violations: [],
  });

  const next = await makeReleaseWithLibrary(folder, 'two');
  await writeFile(join(next, 'data.json'), '{"says":"more"}');
  await site.publish(next);
  const lie = site.server.lie({ match: targetFile('data.json'), flip: 'last' });
  expect(await page.evaluate(() => (window as unknown as Heard).vouchsafe.update())).toMatchObject({
    outcome: 'failed',
    refusal: { code: 'mismatch', facts: { path: 'data.json' } },
  });
  await expect
    .poll(() => heard(page))
    .toContainEqual(['violation', expect.objectContaining({ code: 'mismatch', during: 'update' })]);
  lie();
  const staged = await page.evaluate(() => (window as unknown as Heard).vouchsafe.update());
  expect(staged).toMatchObject({ outcome: 'staged', release: { id: expect.stringMatching(/^2-[0-9a-f]{16}$/) } });
  await expect.poll(() => heard(page)).toContainEqual(['staged', expect.objectContaining({ id: expect.stringMatching(/^2-/) })]);
  const progress = (await heard(page)).filter(([type]) => type === 'progress').map(([, detail]) => detail);
  expect(progress.at(-1)).toMatchObject({ files: expect.any(Number), totalFiles: expect.any(Number) });
  const last = progress.at(-1) as { files: number; totalFiles: number; bytes: number; totalBytes: number };
  expect([last.files, last.bytes]).toEqual([last.totalFiles, last.totalBytes]);

  // The open page goes on with its release until someone says otherwise.
  expect(await page.evaluate(() => fetch('data.json').then((response) => response.json()))).toEqual({ says: 'signed data' });
  expect(await page.evaluate(() => (window as unknown as Heard).vouchsafe.activate())).toMatchObject({
    id: expect.stringMatching(/^2-/),
  });
  await expect.poll(() => heard(page)).toContainEqual(['activated', expect.objectContaining({ id: expect.stringMatching(/^2-/) })]);
  // Also when the next release is active, until it navigates.
  expect(await page.evaluate(() => fetch('data.json').then((response) => response.json()))).toEqual({ says: 'signed data' });
  expect(await page.evaluate(() => (window as unknown as Heard).vouchsafe.activate())).toBeUndefined();
  await page.reload();
  expect(await page.evaluate(() => fetch('data.json').then((response) => response.json()))).toEqual({ says: 'more' });
});

test('a frame in an open page gets the page’s release, and does not activate the staged one', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const next = await makeRelease(folder, 'two');
  await writeFile(join(next, 'data.json'), '{"says":"more"}');
  await writeFile(join(next, 'pages/frame.html'), '<title>Next frame</title>');
  await site.publish(next);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const title = await page.evaluate(async () => {
    const frame = Object.assign(document.createElement('iframe'), { src: '/pages/frame.html' });
    document.body.append(frame);
    await new Promise((resolve) => {
      frame.onload = resolve;
    });
    return frame.contentDocument?.title;
  });
  expect(title).toBe('Frame');
  expect(await page.evaluate(() => fetch('/data.json').then((response) => response.json()))).toEqual({ says: 'signed data' });
  expect((await statusOf(page)).active?.id).toMatch(/^1-/);
  await page.reload();
  expect((await statusOf(page)).active?.id).toMatch(/^2-/);
});

test('releases that were staged and never activated leave nothing behind', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const alone = (await storedPacks(page)).bytes;
  for (const name of ['two', 'three', 'four', 'five']) {
    const next = await makeRelease(folder, name);
    // As large as all the rest.
    await writeFile(join(next, 'large.txt'), name.repeat(alone / name.length));
    await site.publish(next);
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
  }
  // The active release's, the staged one's, at most those of the one staged before, and what shares a pack with them.
  expect((await storedPacks(page)).bytes).toBeLessThanOrEqual(4 * alone);
  await page.reload();
  expect(await releaseShown(page)).toBe('five');
  expect(await proofOf(page)).toEqual(EVERYTHING);
  await update(page);
  expect((await storedPacks(page)).bytes).toBeLessThanOrEqual(3 * alone);
});

test('register() tells when the app becomes frozen, and fresh again', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await openNext(page, site, await makeReleaseWithLibrary(folder, 'two'), { expires: { timestamp: 6 } });
  await registerAndListen(page);
  await expect.poll(async () => (await statusOf(page)).freshness).toBe('frozen');
  await expect.poll(() => heard(page)).toContainEqual(['state', 'frozen']);
  await site.publish(join(folder, 'release-two'));
  expect(await update(page)).toEqual({ outcome: 'current' });
  await expect.poll(async () => (await heard(page)).at(-1)).toEqual(['state', 'fresh']);
});

test('register() says why where there can be no worker', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  const codes = await page.evaluate(async () => {
    const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'registered',
        ({ name, code }) => `${name} ${code}`,
      );
    const missing = await codeOf(register({ worker: '/no-such-worker.js', scope: '/elsewhere/' }));
    Object.defineProperty(navigator, 'serviceWorker', { value: undefined, configurable: true });
    return [missing, await codeOf(register())];
  });
  expect(codes).toEqual(['RefusedError forbidden', 'RefusedError unsupported']);
});

test('C15 offline the app starts cold, also after a restart of the browser, and says that it is fresh or stale', async ({
  profile,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP, { expires: { timestamp: 25 } });
  let page = await profile.context.newPage();
  await openApp(page, site.url);
  await site.server.goOffline();
  await stopWorker(page);
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  page = await (await profile.restart()).newPage();
  await page.goto(`${site.url}pages/about/`);
  expect(await page.title()).toBe('About');
  await expect.poll(async () => (await statusOf(page)).freshness).toBe('stale');
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect((await statusOf(page)).violations).toEqual([]);
  await site.server.goOnline();
});

test('offline the signed allowance ends, and the app with it until the repository answers again', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(FIXTURE_APP, { offlineSeconds: 6 });
  await openApp(page, site.url);
  await openNext(page, site, await makeRelease(folder, 'two'), { expires: { timestamp: 6 } });
  await site.server.goOffline();
  await expect.poll(async () => (await statusOf(page)).freshness).toBe('stale');
  expect((await page.reload())?.status()).toBe(200);
  const { timestamp, offlineUntil = 0 } = await statusOf(page);
  expect(offlineUntil).toBe((timestamp?.expires ?? 0) + 6_000);
  await expect.poll(async () => (await statusOf(page)).freshness).toBe('frozen');
  expect((await statusOf(page)).offlineUntil).toBeUndefined();
  expect((await page.reload())?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('expired');
  // Neither the clock nor the signers are to blame.
  await expect(page.getByText('Connect to the internet')).toBeVisible();
  await expect(page.getByText(new Date(offlineUntil).toISOString())).toBeVisible();
  await site.server.goOnline();
  await site.publish(FIXTURE_APP);
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test('a stale release is shown although the server holds back its answer', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  await openNext(page, site, await makeRelease(folder, 'two'), { expires: { timestamp: 6 } });
  site.server.lie({ match: /timestamp\.json$/, hold: true });
  await expect.poll(async () => (await statusOf(page)).freshness).toBe('stale');
  expect((await page.reload())?.status()).toBe(200);
  // Shown while the answer was still awaited: the worker gave up on it only later.
  const shown = await page.evaluate(() => performance.timeOrigin + performance.now());
  await expect.poll(async () => (await statusOf(page)).violations).toMatchObject([{ code: 'too-slow', during: 'update' }]);
  expect((await statusOf(page)).violations[0]?.time).toBeGreaterThan(shown);
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test.describe('C9 a kill in the middle', () => {
  /** Publishes the next release and kills what runs while the server holds back one of its answers. */
  async function startUpdate(page: Page, site: Site, folder: string, held: RegExp): Promise<void> {
    const next = await makeRelease(folder, 'two');
    await writeFile(join(next, 'data.json'), '{"says":"signed data","again":true}');
    // Another allowance makes another manifest too.
    await site.publish(next, { offlineSeconds: 99 });
    site.server.lie({ match: held, hold: true });
    const asked = site.server.nextRequest(held);
    // Not awaited: its answer never comes.
    await page.evaluate(
      () => void navigator.serviceWorker.controller?.postMessage({ vouchsafe: 'update' }, [new MessageChannel().port2]),
    );
    await asked;
  }

  for (const [what, held] of Object.entries({
    'the timestamp': /timestamp\.json$/,
    'the snapshot': /snapshot\.json$/,
    'the targets': /targets\.json$/,
    'the manifest': targetFile('vouchsafe.json'),
    'a file': targetFile('data.json'),
  })) {
    test(`C9 of the browser while ${what} arrives leaves the old release whole, and the update goes on`, {
      tag: what === 'a file' ? [] : '@chromium',
    }, async ({ profile, publishSite, folder }) => {
      const site = await publishSite(await makeRelease(folder, 'one'));
      let page = await profile.context.newPage();
      await openApp(page, site.url);
      await startUpdate(page, site, folder, held);
      page = await (await profile.restart()).newPage();
      await page.goto(site.url);
      expect(await releaseShown(page)).toBe('one');
      expect(await proofOf(page)).toEqual(EVERYTHING);
      site.server.honest();
      await expect.poll(async () => (await update(page)).outcome).not.toBe('failed');
      await page.reload();
      expect(await releaseShown(page)).toBe('two');
      expect(await proofOf(page)).toEqual(EVERYTHING);
    });
  }
});

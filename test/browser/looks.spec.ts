import type { CDPSession, Page } from '@playwright/test';
import type { ReceivedRequest } from '../../dist/demo/hostile-server.js';
import type { LookOptions } from '../../src/window/register.js';
import { expect, type Site, test } from './fixtures.js';
import { addLibrary, registerIn } from './library.js';
import { openApp, statusOf, stopWorker, update } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

const TIMESTAMP = /metadata\/timestamp\.json$/;

const looks = ({ server }: Site, since: number): ReceivedRequest[] =>
  server.requests.slice(since).filter(({ path }) => TIMESTAMP.test(path));

interface Watched {
  /** Milliseconds that this page's clock is ahead. */
  ahead: number;
  /** What the page asked the worker for. */
  asked: string[];
}

/** Registers in a page whose clock can be put forward, whose chance is none, and which notes what it asks the worker for. */
async function registerWatched(page: Page, look: LookOptions = {}): Promise<void> {
  await page.evaluate(() => {
    const watched: Watched = { ahead: 0, asked: [] };
    Object.assign(window, { watched });
    const now = Date.now.bind(Date);
    Date.now = () => now() + watched.ahead;
    Math.random = () => 0;
    const { postMessage } = ServiceWorker.prototype;
    ServiceWorker.prototype.postMessage = function (this: ServiceWorker, message: { vouchsafe: string }, ...rest: unknown[]) {
      watched.asked.push(message.vouchsafe);
      return (postMessage as (...all: unknown[]) => void).call(this, message, ...rest);
    };
  });
  await registerIn(page, { look, persist: false });
}

/** What happens to a page, `minutes` later. */
const happens = (page: Page, event: 'visibilitychange' | 'online', minutes: number): Promise<void> =>
  page.evaluate(
    ([type, later]) => {
      (window as unknown as { watched: Watched }).watched.ahead += later * 60_000;
      // Neither engine hides a tab, or loses its network, because a test says so.
      (type === 'online' ? window : document).dispatchEvent(new Event(type));
    },
    [event, minutes] as const,
  );

const looksAsked = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { watched: Watched }).watched.asked.filter((name) => name === 'look').length);

test('a page that becomes visible, or is online again, looks for a newer release, but not at every turn', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const site = await publishSite(await addLibrary(await makeSmallRelease(folder, 'one')));
  await openApp(page, site.url);
  await registerWatched(page);
  for (const event of ['visibilitychange', 'online'] as const) {
    await test.step(event, async () => {
      const before = await looksAsked(page);
      // `update` waits for what is under way.
      await update(page);
      const since = site.server.requests.length;
      await happens(page, event, 7);
      await expect.poll(() => looksAsked(page)).toBe(before + 1);
      await expect.poll(() => looks(site, since).length).toBeGreaterThan(0);
    });
  }
  // A tenth of the interval has not passed.
  for (let i = 0; i < 5; i++) await happens(page, 'visibilitychange', 1);
  expect(await looksAsked(page)).toBe(2);

  // What it finds is staged, and the open page told.
  await site.publish(await addLibrary(await makeSmallRelease(folder, 'two')), { lookSeconds: 600 });
  await happens(page, 'online', 0);
  await expect.poll(async () => (await statusOf(page)).staged?.id).toMatch(/^2-/);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));

  // The signers say how often at most, whatever the pages do.
  await registerWatched(page);
  await update(page);
  const asked = site.server.requests.length;
  await happens(page, 'online', 0);
  await happens(page, 'visibilitychange', 30);
  await expect.poll(() => looksAsked(page)).toBe(2);
  await update(page);
  expect(looks(site, asked)).toHaveLength(1);
});

test('a worker that starts for a page which stays open, and never registered, looks for a newer release', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  await stopWorker(page);
  await site.publish(await makeSmallRelease(folder, 'two'));
  const since = site.server.requests.length;
  const stored = site.server.nextRequest(/targets\/.*data\.txt$/);
  await expect
    .poll(async () => {
      // One request starts it. In Firefox here it does not live for as long as it takes, if there are no more.
      expect(await page.evaluate(() => fetch('data.txt').then((response) => response.text()))).toBe('one');
      return looks(site, since).length;
    })
    .toBeGreaterThan(0);
  await stored;
});

/** The id that the browser has for the app's registration. */
function registrationId(session: CDPSession, scope: string): Promise<string> {
  const found = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL === scope);
      if (own) resolve(own.registrationId);
    });
  });
  return session.send('ServiceWorker.enable').then(() => found);
}

test('where the browser wakes the worker now and then, and may keep what is stored, both are asked for once', async ({
  page,
  publishSite,
  folder,
  browserName,
}) => {
  test.skip(browserName === 'firefox', 'it has no periodic sync, and asks the person about storage');
  const site = await publishSite(await addLibrary(await makeSmallRelease(folder, 'one')));
  const { origin } = site.server;
  const session = await page.context().newCDPSession(page);
  await openApp(page, site.url);
  const spy = () =>
    page.evaluate(() => {
      const { storage } = navigator;
      const persist = storage.persist.bind(storage);
      Object.assign(window, { persists: 0 });
      storage.persist = () => {
        (window as unknown as { persists: number }).persists++;
        return persist();
      };
    });
  const persists = () => page.evaluate(() => (window as unknown as { persists: number }).persists);
  const tags = () =>
    page.evaluate(async () => {
      const registration = (await navigator.serviceWorker.ready) as ServiceWorkerRegistration & {
        periodicSync: { getTags(): Promise<string[]> };
      };
      return registration.periodicSync.getTags();
    });
  await spy();
  await registerIn(page, { persist: false });
  await statusOf(page);
  expect(await tags()).toEqual([]);
  expect(await persists()).toBe(0);
  for (let i = 0; i < 2; i++) {
    await registerIn(page);
    await expect.poll(persists).toBe(1);
    expect((await statusOf(page)).storage.persisted).toBe(false);
  }

  const { targetInfo } = await session.send('Target.getTargetInfo');
  const permissions: ('durableStorage' | 'periodicBackgroundSync')[] = ['durableStorage', 'periodicBackgroundSync'];
  await session.send('Browser.grantPermissions', {
    origin,
    permissions,
    ...(targetInfo.browserContextId !== undefined && { browserContextId: targetInfo.browserContextId }),
  });
  await registerIn(page);
  await expect.poll(tags).toEqual(['vouchsafe']);
  expect((await statusOf(page)).storage.persisted).toBe(true);
  expect(await persists()).toBe(1);

  // The browser wakes a worker that had ended, with no page that asks.
  const id = await registrationId(session, site.url);
  await site.publish(await makeSmallRelease(folder, 'two'));
  await stopWorker(page);
  await page.goto('about:blank');
  const asked = site.server.nextRequest(TIMESTAMP);
  const stored = site.server.nextRequest(/targets\/.*data\.txt$/);
  await session.send('ServiceWorker.dispatchPeriodicSyncEvent', { origin, registrationId: id, tag: 'vouchsafe' });
  await Promise.all([asked, stored]);
  // No look of the navigation's own.
  site.server.lie({ match: TIMESTAMP, drop: true });
  await expect
    .poll(async () => {
      await page.goto(site.url);
      return shownBy(page);
    })
    .toEqual(whole('two'));
});

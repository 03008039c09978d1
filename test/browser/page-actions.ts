import { type Page, type Response, test } from '@playwright/test';
import type { Replies, Reply, Status, UpdateResult, Violation } from '../../src/messages/messages.js';
import { expect } from './fixtures.js';

/** Whatever runs functions in a page as Playwright's `Page` does: the WebKit tests have a page of their own. */
export type Evaluates = Pick<Page, 'evaluate'>;

/**
 * Opens an app as a person does: goes to its URL and waits until the loader, if it was shown, has given way to the page.
 *
 * @param page the tab
 * @param url the app's URL
 */
export async function openApp(page: Page, url: string): Promise<void> {
  // Not until 'load': the loader loads the page again as soon as the release is there, which would abort the wait.
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForFunction(
    () =>
      document.readyState === 'complete' &&
      document.querySelector('script[src$="vouchsafe-loader.js"]') === null &&
      navigator.serviceWorker.controller !== null,
  );
}

/**
 * Asks the worker that controls a page.
 *
 * @param page an open page of the app
 * @param name the request
 * @returns the reply's value
 * @throws Error with the refusal's code and message
 */
export async function ask<Name extends keyof Replies>(page: Evaluates, name: Name): Promise<Replies[Name]> {
  const reply = await page.evaluate(async (request) => {
    const registration = await navigator.serviceWorker.ready;
    return new Promise<unknown>((resolve) => {
      const send = () => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => {
          clearInterval(timer);
          resolve(data);
        };
        registration.active?.postMessage({ vouchsafe: request }, [port2]);
      };
      // As `register()` does: Firefox here stops even a busy worker after a second.
      const timer = setInterval(send, 2_000);
      send();
    });
  }, name);
  const { ok, ...rest } = reply as Reply<Name> & { value: Replies[Name]; refusal: { code: string; message: string } };
  if (!ok) throw new Error(`${rest.refusal.code}: ${rest.refusal.message}`);
  return rest.value;
}

/** @returns what the worker trusts right now */
export const statusOf = (page: Evaluates): Promise<Status> => ask(page, 'status');

/** @returns how looking for a newer release ended */
export const update = (page: Evaluates): Promise<UpdateResult> => ask(page, 'update');

/** @returns the recorded violations, oldest first */
export const violationsOf = async (page: Evaluates): Promise<readonly Violation[]> => (await statusOf(page)).violations;

/**
 * Waits for a violation like this among the recorded ones, however the rest of them look.
 *
 * @param page an open page of the app
 * @param like the part of it that matters
 */
export async function expectViolation(
  page: Evaluates,
  like: Pick<Partial<Violation>, 'during'> & { code?: string; facts?: object },
): Promise<void> {
  const { facts, ...rest } = like;
  const violation = expect.objectContaining({
    ...rest,
    ...(facts === undefined ? {} : { facts: expect.objectContaining({ ...facts }) }),
  });
  await expect.poll(() => violationsOf(page)).toEqual(expect.arrayContaining([violation]));
}

/**
 * Stops the app's worker, as the browser does when it is idle. Chromium is told to and says when it is done. Firefox can only be left
 * alone for longer than its idle timeout, which the configuration sets to half a second.
 *
 * @param page an open page of the app, or on its origin
 * @returns the life that ended, to be compared with `Status.life` afterwards
 */
export async function stopWorker(page: Page): Promise<string> {
  const { life } = await statusOf(page);
  if (test.info().project.name === 'firefox') {
    await page.waitForTimeout(2_000);
    return life;
  }
  const session = await page.context().newCDPSession(page);
  try {
    const running = new Map<string, string>();
    let isSeen = false;
    let onSeen = (): void => {};
    const seen = new Promise<void>((resolve) => {
      onSeen = resolve;
    });
    const stopped = new Promise<void>((resolve) => {
      session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
        for (const { versionId, runningStatus } of versions) {
          // What a page asks for meanwhile starts it again at once, and that may be all that is said of it then.
          const isStartedAgain = runningStatus === 'starting' && /^(running|stopping)$/.test(running.get(versionId) ?? '');
          if (runningStatus === 'stopped' || isStartedAgain) running.delete(versionId);
          else running.set(versionId, runningStatus);
        }
        isSeen ||= running.size > 0;
        if (isSeen) onSeen();
        if (isSeen && running.size === 0) resolve();
      });
    });
    await session.send('ServiceWorker.enable');
    // That is answered before it says what runs: a worker that is stopped at once may never be said to have run.
    await seen;
    await session.send('ServiceWorker.stopAllWorkers');
    await stopped;
  } finally {
    await session.detach();
  }
  return life;
}

/**
 * How many bytes of files are stored, how many of them in Blobs, and in how many: the store says, since what the browser says is padded.
 *
 * @param page an open page of the app
 */
export function storedPacks(page: Page): Promise<{ readonly bytes: number; readonly inBlobs: number; readonly blobs: number }> {
  return page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases();
    return new Promise<{ bytes: number; inBlobs: number; blobs: number }>((resolve) => {
      indexedDB.open(name).onsuccess = ({ target }) => {
        const { result } = target as IDBOpenDBRequest;
        result.transaction('packs').objectStore('packs').getAll().onsuccess = (event) => {
          result.close();
          const packs = (event.target as IDBRequest<(Uint8Array | Blob)[]>).result;
          const sizes = packs.map((pack) => (pack instanceof Blob ? [pack.size, pack.size] : [pack.length, 0]));
          resolve({
            bytes: sizes.reduce((sum, [size = 0]) => sum + size, 0),
            inBlobs: sizes.reduce((sum, [, size = 0]) => sum + size, 0),
            blobs: packs.filter((pack) => pack instanceof Blob).length,
          });
        };
      };
    });
  });
}

/**
 * Forgets the bytes of stored files, as an attacker's script or an eviction could: the worker then has to get them from the server again.
 *
 * @param page an open page of the app
 */
export async function wipeStoredFiles(page: Page): Promise<void> {
  let life = '';
  // A worker that lives on has in memory what it read, and Firefox lets it live for as long as it has something to do.
  while (life === '' || life === (await statusOf(page)).life) {
    life = await stopWorker(page);
    await page.evaluate(async () => {
      const names = (await indexedDB.databases()).map(({ name }) => name ?? '').filter((name) => name.startsWith('vouchsafe '));
      for (const name of names) {
        await new Promise<void>((resolve, reject) => {
          const opening = indexedDB.open(name);
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const transaction = opening.result.transaction(['packs', 'indexes'], 'readwrite');
            transaction.objectStore('packs').clear();
            transaction.objectStore('indexes').clear();
            transaction.onerror = () => reject(transaction.error);
            transaction.oncomplete = () => {
              opening.result.close();
              resolve();
            };
          };
        });
      }
    });
  }
}

/** Errors that a page wrote to the console or threw, as they come. */
export function watchProblems(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  return problems;
}

/** Responses of a page's origin that did not come from the worker, as they come. Playwright can tell in Chromium only. */
export function watchResponses(page: Page, origin: string): string[] {
  const passed: string[] = [];
  page.on('response', (response: Response) => {
    if (response.url().startsWith(`${origin}/`) && !response.fromServiceWorker()) passed.push(response.url());
  });
  return passed;
}

/**
 * By the browser's own account. Firefox gives none (`workerStart` is always 0 there), and the list is empty.
 *
 * @returns URLs of the page's origin that the page and its frames loaded past the worker
 */
export async function resourcesPastTheWorker(page: Page): Promise<string[]> {
  if (test.info().project.name === 'firefox') return [];
  const lists = await Promise.all(
    page.frames().map((frame) =>
      frame.evaluate(() =>
        [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
          .map((entry) => entry.toJSON() as { name: string; workerStart: number })
          .filter(({ name, workerStart }) => name.startsWith(`${location.origin}/`) && workerStart === 0)
          .map(({ name }) => name),
      ),
    ),
  );
  return lists.flat();
}

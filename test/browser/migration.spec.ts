import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { EVERYTHING, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';

const CURRENT = fileURLToPath(new URL('../../dist/bundles/', import.meta.url));
/** Each worker that people have installed, as it was built then, by the version of its database. */
const OLD_WORKERS = fileURLToPath(new URL('./old-workers/', import.meta.url));

/** Bundles as they are now, but for an old worker. */
async function bundlesWithOldWorker(folder: string, schema: number): Promise<string> {
  const bundles = join(folder, `bundles-${schema}`);
  await mkdir(bundles);
  await cp(CURRENT, bundles, { recursive: true });
  await cp(join(OLD_WORKERS, `${schema}.js`), join(bundles, 'worker.js'));
  return bundles;
}

/** The version and the object stores of the worker's database. */
const schemaOf = (page: Page): Promise<{ version: number; names: string[] }> =>
  page.evaluate(async () => {
    const [{ name = '' } = {}] = (await indexedDB.databases()).filter((each) => each.name?.startsWith('vouchsafe '));
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const { version, objectStoreNames } = opening.result;
        opening.result.close();
        resolve({ version, names: [...objectStoreNames] });
      };
    });
  });

/** Lets the browser look for a newer worker, and waits until that has taken the page over. */
const takeNewWorker = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    await changed;
  });

test('a new worker takes over from one of schema 1: offline, the app opens whole from what that one stored', async ({
  page,
  folder,
  publishSite,
}) => {
  const bundles = await bundlesWithOldWorker(folder, 1);
  const site = await publishSite(await makeRelease(folder, 'one'), { bundles });
  const older = join(folder, 'older');
  await cp(site.out, older, { recursive: true });
  await openApp(page, site.url);
  const two = await makeRelease(folder, 'two');
  await site.publish(two);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.goto(site.url);
  expect(await releaseShown(page)).toBe('two');
  expect(await schemaOf(page)).toMatchObject({ version: 1, names: expect.arrayContaining(['files']) });
  await page.evaluate(() => fetch('/not-there.js').catch(() => {}));
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}not-there.js` } });

  // The new worker comes, but no metadata: all that it can go by is what the old one stored.
  await site.publish(two, { bundles: CURRENT });
  site.server.lie({ match: (path) => path.includes('/metadata/'), drop: true });
  await takeNewWorker(page);
  await stopWorker(page);
  await site.server.goOffline();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await releaseShown(page)).toBe('two');
  const { version, names } = await schemaOf(page);
  expect(version).toBe(2);
  expect(names).not.toContain('files');
  expect(await statusOf(page)).toMatchObject({ storage: { kept: 'indexeddb' }, timestamp: { version: 2 } });
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}not-there.js` } });

  await site.server.goOnline();
  site.server.honest();
  site.server.lie({ match: (path) => path.endsWith('/timestamp.json'), from: older });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'rollback', facts: { role: 'timestamp' } } });
  site.server.honest();
  expect((await update(page)).outcome).not.toBe('failed');
});

import { chmod, cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { publish } from '../../dist/node/publish.js';
import { EVERYTHING, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';

/**
 * What people have installed, by the version of the worker's database: a site as it was published then, its second release, by keys that are
 * kept beside it, with a century to live.
 */
const OLD_WORKERS = fileURLToPath(new URL('./old-workers/', import.meta.url));

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

/** Lets the browser look for a newer worker, and lets that take the page over, as nobody on the old side knows to. */
const takeNewWorker = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    const next = registration.installing ?? registration.waiting;
    const takeOver = () => next?.state === 'installed' && next.postMessage({ vouchsafe: 'take-over' });
    next?.addEventListener('statechange', takeOver);
    takeOver();
    await changed;
  });

/** What only the databases of these versions have. */
const ONLY_THEN: Readonly<Record<number, string>> = { 1: 'files', 2: 'indexes' };

for (const schema of [1, 2])
  test(`a new worker takes over from one of schema ${schema}: offline, the app opens whole from what that one stored`, async ({
    page,
    folder,
    serve,
  }) => {
    await cp(join(OLD_WORKERS, `${schema}`), folder, { recursive: true });
    const [out, project] = [join(folder, 'out'), join(folder, 'project')];
    // A checkout lets others read them, and then nothing is signed with them.
    const keys = join(project, 'keys');
    for (const name of await readdir(keys)) await chmod(join(keys, name), 0o600);
    const server = await serve(out);
    await openApp(page, server.url);
    expect(await releaseShown(page)).toBe('two');
    const before = await schemaOf(page);
    expect(before).toMatchObject({ version: schema, names: expect.arrayContaining([ONLY_THEN[schema]]) });
    expect(before.names).not.toContain('documents');
    await page.evaluate(() => fetch('/not-there.js').catch(() => {}));
    await expectViolation(page, { code: 'not-found', facts: { url: `${server.url}not-there.js` } });

    // The new worker comes, but no metadata: all that it can go by is what the old one stored.
    await publish({ directory: await makeRelease(folder, 'three'), out, project });
    server.lie({ match: (path) => path.includes('/metadata/'), drop: true });
    await takeNewWorker(page);
    await stopWorker(page);
    await server.goOffline();
    await page.goto(server.url);
    expect(await proofOf(page)).toEqual(EVERYTHING);
    expect(await releaseShown(page)).toBe('two');
    const { version, names } = await schemaOf(page);
    expect(version).toBe(3);
    expect(names).not.toContain('files');
    expect(names).toContain('documents');
    expect(await statusOf(page)).toMatchObject({ storage: { kept: 'indexeddb' }, timestamp: { version: 2 } });
    await expectViolation(page, { code: 'not-found', facts: { url: `${server.url}not-there.js` } });

    await server.goOnline();
    server.honest();
    const body = await readFile(join(folder, 'timestamp-of-release-1.json'));
    server.lie({ match: (path) => path.endsWith('/timestamp.json'), body });
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'rollback', facts: { role: 'timestamp' } } });
    server.honest();
    expect((await update(page)).outcome).not.toBe('failed');
    await page.goto(server.url);
    expect(await releaseShown(page)).toBe('three');
  });

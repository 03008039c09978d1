import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { build } from 'vite';
import type { WorkerConfig } from '../../src/release/config.js';
import { EVERYTHING, FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, requestsPastTheWorker, type Site, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update, violationsOf, wipeStoredFiles } from './page-actions.js';

const SOURCE = fileURLToPath(new URL('./workbox-worker/worker.js', import.meta.url));

/** Bundles a worker of Workbox's for a site, as its own build would. */
async function bundleWorker(site: Site, uses: 'handler' | 'strategies' | 'precaching', reportOnly = false): Promise<void> {
  const config: WorkerConfig = {
    roots: [await readFile(join(site.out, 'vouchsafe/metadata/1.root.json'), 'utf8')],
    metadata: 'vouchsafe/metadata/',
    targets: 'vouchsafe/targets/',
    passthrough: [],
    reportOnly,
  };
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    define: {
      VOUCHSAFE: JSON.stringify(config),
      USES: JSON.stringify(uses),
      'process.env.NODE_ENV': '"production"',
    },
    build: {
      outDir: site.out,
      emptyOutDir: false,
      lib: { entry: SOURCE, formats: ['iife'], name: 'worker', fileName: () => 'sw.js' },
    },
  });
}

/** Registers the bundled worker and opens the app with it. */
async function openWithWorkbox(page: Page, site: Site): Promise<void> {
  await page.goto(site.url);
  await page.evaluate(async () => {
    const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
    await controlled;
  });
  expect(await update(page)).toMatchObject({ outcome: expect.stringMatching(/activated|current/) });
  await openApp(page, site.url);
}

/** Empties the caches of the worker's strategies. */
const forgetCaches = (page: Page) =>
  page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))).then(() => undefined));

/** What the page gets for a file: its text and its headers. */
function get(page: Page, path: string): Promise<{ text: string; headers: Record<string, string> }> {
  return page.evaluate(
    (url) =>
      new Promise((resolve) => {
        // As a script, so that the route for scripts answers.
        const script = Object.assign(document.createElement('script'), { src: url, type: 'text/plain' });
        document.head.append(script);
        void fetch(url).then(async (response) =>
          resolve({ text: await response.text(), headers: Object.fromEntries(response.headers) }),
        );
      }),
    path,
  );
}

/** Loads a script a second time. */
function loadScript(page: Page, path: string): Promise<string> {
  return page.evaluate(
    (src) =>
      new Promise((resolve) => {
        const script = Object.assign(document.createElement('script'), { src });
        script.onload = () => resolve('ran');
        script.onerror = () => resolve('refused');
        document.head.append(script);
      }),
    path,
  );
}

const evilOf = (page: Page) => page.evaluate(() => (window as unknown as { evil?: number }).evil);

test('a Workbox route with the handler answers from the signed release, and refuses what it does not have', async ({
  page,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP, { delivery: 'progressive' });
  await bundleWorker(site, 'handler');
  await openWithWorkbox(page, site);
  const since = site.server.requests.length;
  // What the server has at the app's own addresses is of no matter.
  site.server.lie({
    match: (path) => !path.includes('vouchsafe') && path !== '/sw.js',
    body: 'window.evil = 1',
    type: 'text/javascript',
  });
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  // Browsers look for a newer worker script themselves.
  expect(requestsPastTheWorker(site, since).filter((path) => path !== '/sw.js')).toEqual([]);
  expect((await get(page, '/data.json')).headers['x-content-type-options']).toBe('nosniff');
  expect(await loadScript(page, '/extra.js')).toBe('refused');
  expect((await page.goto(`${site.url}evil.html`))?.status()).toBe(503);
  await expect(page.locator('h1')).toHaveText('This page was not shown');
  await page.goto(site.url);
  await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: `${site.url}extra.js` } });
  site.server.honest();

  // An altered file of the repository.
  site.server.lie({ match: targetFile('index.html'), flip: 'middle' });
  await wipeStoredFiles(page);
  await stopWorker(page);
  expect((await page.goto(site.url))?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('mismatch');
  site.server.honest();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await evilOf(page)).toBeUndefined();
});

test('a Workbox strategy with the plugin serves right bytes under signed headers, from the network and from a cache, and no others', async ({
  page,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP, { delivery: 'progressive' });
  await bundleWorker(site, 'strategies');
  await openWithWorkbox(page, site);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await violationsOf(page)).toEqual([]);
  expect(site.server.paths()).toContain('/classic.js');

  // Right bytes under the server's headers.
  await forgetCaches(page);
  site.server.lie({ match: /^\/($|.*\.js$)/, headers: { 'x-evil': '1', 'content-security-policy': "default-src 'none'" } });
  const response = await page.reload();
  expect(response?.headers()['x-evil']).toBeUndefined();
  expect(response?.headers()['content-security-policy']).toBe("object-src 'none'");
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const kept = await page.evaluate(async () => {
    const found = await (await caches.open('scripts')).match('/classic.js');
    return [...(found?.headers.keys() ?? [])];
  });
  expect(kept).toContain('x-content-type-options');
  expect(kept).not.toContain('x-evil');
  site.server.honest();

  // What a script of the page, or anyone, put into the caches.
  await page.evaluate(async () => {
    for (const [name, path, type] of [
      ['scripts', '/classic.js', 'text/javascript'],
      ['styles', '/style.css', 'text/css'],
      ['pages', '/', 'text/html'],
    ] as const) {
      await (await caches.open(name)).put(path, new Response('window.evil = 1', { headers: { 'content-type': type } }));
    }
  });
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await evilOf(page)).toBeUndefined();
  await expectViolation(page, { code: 'mismatch', during: 'storage', facts: { path: 'classic.js' } });

  // Altered files from the network: a script, then the page, with a cache to fall back on, and without.
  await forgetCaches(page);
  site.server.lie({ match: /^\/classic\.js$/, body: 'window.evil = 1' });
  await page.reload();
  await expectViolation(page, { code: 'mismatch', during: 'request', facts: { path: 'classic.js' } });
  expect(await loadScript(page, '/classic.js')).toBe('refused');
  expect(await evilOf(page)).toBeUndefined();
  // The right bytes and then more, without end.
  site.server.lie({ match: /^\/classic\.js$/, endless: true });
  expect(await loadScript(page, '/classic.js')).toBe('refused');
  await expectViolation(page, { code: 'too-long', during: 'request', facts: { path: 'classic.js' } });
  site.server.lie({ match: /^\/$/, body: '<title>evil</title><script>window.evil = 1</script>', type: 'text/html' });
  expect((await page.reload())?.status()).toBe(200);
  expect(await page.title()).not.toBe('evil');
  await expectViolation(page, { code: 'mismatch', during: 'request', facts: { path: 'index.html' } });
  await forgetCaches(page);
  for (let time = 0; time < 4; time++) {
    // More often than Firefox lets a worker fail.
    expect((await page.goto(site.url))?.status()).toBe(503);
    await expect(page.locator('dd').first()).toHaveText('mismatch');
  }
  expect((await page.goto(`${site.url}evil.html`))?.status()).toBe(503);
  expect(await evilOf(page)).toBeUndefined();
  // An answer that the browser asked for while the worker started.
  const preload = (isOn: boolean) =>
    page.evaluate(
      (on) => navigator.serviceWorker.ready.then(({ navigationPreload: it }) => (on ? it.enable() : it.disable())),
      isOn,
    );
  site.server.honest();
  await page.goto(site.url);
  await preload(true);
  site.server.lie({ match: /^\/$/, body: '<title>evil</title><script>window.evil = 1</script>', type: 'text/html' });
  expect((await page.goto(site.url))?.status()).toBe(503);
  site.server.honest();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  await preload(false);

  // Without the network that is no violation.
  site.server.honest();
  await page.goto(site.url);
  await forgetCaches(page);
  const before = (await statusOf(page)).violations.length;
  await site.server.goOffline();
  expect((await page.goto(site.url))?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('unreachable');
  await site.server.goOnline();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect((await violationsOf(page)).slice(before)).toEqual([]);
});

test('a Workbox strategy whose plugin only reports changes nothing but what is enforced; precaching with it is refused, in words', {
  tag: '@chromium',
}, async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP, { reportOnly: true, enforce: ['style.css'] });
  await bundleWorker(site, 'precaching');
  await page.goto(site.url);
  const words = await page.evaluate(() => {
    const told = new Promise<string>((resolve) => {
      navigator.serviceWorker.onmessage = ({ data }) => typeof data === 'string' && resolve(data);
    });
    return navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' }).then(() => told);
  });
  expect(words).toContain('use the handler in the place of precaching');
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.getRegistrations().then(({ length }) => length))).toBe(0);

  await bundleWorker(site, 'strategies', true);
  await openWithWorkbox(page, site);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await violationsOf(page)).toEqual([]);
  await forgetCaches(page);
  site.server.lie({ match: /^\/(classic\.js|style\.css)$/, body: 'window.evil = 1; /* { } :root { --evil: yes } */' });
  await page.reload();
  expect(await evilOf(page)).toBe(1);
  await expectViolation(page, {
    code: 'mismatch',
    during: 'report-only',
    facts: { path: 'classic.js', diagnosis: expect.any(String) },
  });
  await expectViolation(page, { code: 'mismatch', during: 'request', facts: { path: 'style.css' } });
  // From the cache, now: it was kept as it came, and is used as it is.
  site.server.honest();
  await page.reload();
  expect(await evilOf(page)).toBe(1);
});

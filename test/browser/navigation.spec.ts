import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { openApp, stopWorker, violationsOf } from './page-actions.js';

/** Writes an app whose pages are called after their paths; every page runs `main.js`. */
async function makePages(directory: string, base: string, pages: readonly string[]): Promise<string> {
  const files: Record<string, string> = { 'main.js': "window.ran = 'main.js';", 'data.txt': 'data' };
  for (const page of pages)
    files[page] =
      `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>${page}</title><script src="${base}main.js"></script><p>${page}`;
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
  return directory;
}

/** What a person gets who goes somewhere. */
interface Visit {
  /** Title of the page. */
  readonly page: string;
  /** Path, query and fragment in the address bar; the one that was gone to by default. */
  readonly at?: string;
  /** Status of the page; 200 by default. */
  readonly status?: number;
  /** Status of the redirect on the way. */
  readonly redirect?: number;
}

/** Goes to each URL path and compares what came, as one list, so that a failure shows all of it. */
async function expectVisits(page: Page, origin: string, visits: Readonly<Record<string, Visit>>): Promise<void> {
  const seen: Record<string, unknown> = {};
  for (const path of Object.keys(visits)) {
    const response = await page.goto(origin + path);
    const before = await response?.request().redirectedFrom()?.response();
    seen[path] = {
      page: await page.title(),
      at: await page.evaluate(() => location.href),
      status: response?.status(),
      ran: await page.evaluate(() => (window as unknown as { ran?: string }).ran),
      ...(before && { redirect: before.status() }),
    };
  }
  const wanted = Object.entries(visits).map(([path, { at = path, ...visit }]) => {
    const href = at.startsWith('http') ? at : origin + at;
    return [path, { status: 200, ran: 'main.js', ...visit, at: href }];
  });
  expect(seen).toEqual(Object.fromEntries(wanted));
}

/** What a page's own requests get: URL after redirects and text, or that they are refused. */
function fetched(page: Page, paths: readonly string[]): Promise<Record<string, string>> {
  return page.evaluate(async (all) => {
    const answer = async (path: string) => {
      const response = await fetch(path);
      const text = response.ok ? await response.text() : 'refused';
      return `${response.redirected ? `${new URL(response.url).pathname} ` : ''}${text}`;
    };
    const entries = all.map(async (path) => [path, await answer(path).catch(() => 'failed')] as const);
    return Object.fromEntries(await Promise.all(entries));
  }, paths);
}

/** Runs a classic script and shows a page in a frame, each under a URL that has moved. */
function loadedFrom(page: Page, script: string, frame: string): Promise<unknown> {
  return page.evaluate(
    async ([src, address]) => {
      delete (window as unknown as { ran?: string }).ran;
      const loaded = (element: HTMLElement) =>
        new Promise((resolve) => Object.assign(element, { onload: resolve, onerror: resolve }));
      const running = Object.assign(document.createElement('script'), { src });
      const framed = Object.assign(document.createElement('iframe'), { src: address });
      const both = Promise.all([loaded(running), loaded(framed)]);
      document.body.append(running, framed);
      await both;
      return [(window as unknown as { ran?: string }).ran, framed.contentDocument?.title];
    },
    [script, frame] as const,
  );
}

test('a site of many pages at the root: clean URLs, no slashes at the end, signed pages for 404 and offline, redirects made offline', async ({
  page,
  publishSite,
  serve,
  folder,
}) => {
  const elsewhere = await serve(folder);
  elsewhere.lie({ match: /^\/there$/, body: '<!doctype html><title>elsewhere</title>', type: 'text/html' });
  const names = ['index.html', 'about.html', 'docs/index.html', 'docs/far.html', '404.html', 'offline.html'];
  const site = await publishSite(await makePages(join(folder, 'app'), '/', names), {
    files: [{ path: 'docs/far.html', keep: 'on-demand' }],
    navigation: {
      cleanUrls: true,
      trailingSlash: 'never',
      redirects: [
        { from: 'old/page', to: 'about?from=old#part' },
        { from: 'older', to: 'old/page', status: 302 },
        { from: 'ümlaut', to: 'docs', status: 303 },
        { from: 'moved.js', to: 'main.js', status: 307 },
        { from: 'moved.txt', to: 'data.txt', status: 308 },
        { from: 'away', to: `${elsewhere.origin}/there`, status: 302 },
      ],
    },
  });
  const { origin } = site.server;
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const visits: Record<string, Visit> = {
    '/': { page: 'index.html' },
    '/index.html': { page: 'index.html', at: '/', redirect: 308 },
    '/about?a=b': { page: 'about.html' },
    '/about/?a=b': { page: 'about.html', at: '/about?a=b', redirect: 308 },
    '/about.html': { page: 'about.html', at: '/about', redirect: 308 },
    '/docs': { page: 'docs/index.html' },
    '/docs/': { page: 'docs/index.html', at: '/docs', redirect: 308 },
    // The query of the rule wins; one without takes what was asked for along.
    '/old/page?a=b': { page: 'about.html', at: '/about?from=old#part', redirect: 301 },
    '/%C3%BCmlaut?a=b': { page: 'docs/index.html', at: '/docs?a=b', redirect: 303 },
    '/older': { page: 'about.html', at: '/about?from=old#part', redirect: 301 },
    '/nothing/here': { page: '404.html', status: 404 },
    '/nothing.html': { page: '404.html', status: 404 },
  };
  await expectVisits(page, origin, visits);
  // Another file for each server: no page at all.
  expect((await page.goto(`${origin}/docs/no%2Fsuch`))?.status()).toBe(503);

  // Nobody is there, and the worker has just begun: what is signed and stored is answered as before.
  await site.server.goOffline();
  await page.goto(site.url);
  await stopWorker(page);
  await expectVisits(page, origin, visits);
  await expectVisits(page, origin, {
    // A page that is not stored; and no page of another file, nor for another kind of request.
    '/docs/far': { page: 'offline.html', status: 503 },
  });
  await page.goto(site.url);
  expect(await loadedFrom(page, '/moved.js', '/old/page')).toEqual(['main.js', 'about.html']);
  expect(await fetched(page, ['/moved.txt', '/moved.js', '/old/page', '/nothing', '/about', '/docs/far'])).toEqual({
    '/moved.txt': '/data.txt data',
    '/moved.js': "/main.js window.ran = 'main.js';",
    '/old/page': await page.evaluate(() => fetch('/about').then((response) => response.text())).then((text) => `/about ${text}`),
    '/nothing': 'failed',
    '/about': expect.stringContaining('<title>about.html'),
    '/docs/far': 'failed',
  });
  await page.goto(`${origin}/away`);
  expect([page.url(), await page.title()]).toEqual([`${elsewhere.origin}/there`, 'elsewhere']);

  await site.server.goOnline();
  await expectVisits(page, origin, { '/docs/far': { page: 'docs/far.html' } });
  await site.server.goOffline();
  await expectVisits(page, origin, { '/docs/far.html': { page: 'docs/far.html', at: '/docs/far', redirect: 308 } });
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  expect((await violationsOf(page)).filter(({ code }) => code !== 'not-found' && code !== 'unreachable')).toEqual([]);
});

test('a single-page app under /shop/: the fallback, where it is allowed and where it is not, slashes at the end, redirects made offline', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const names = ['index.html', 'help/index.html', 'far/index.html', 'lost.html', 'offline.html'];
  const site = await publishSite(await makePages(join(folder, 'app'), '/shop/', names), {
    base: '/shop/',
    fallback: 'index.html',
    files: [{ path: 'far/**', keep: 'on-demand' }],
    navigation: {
      allow: ['users/**', 'cart'],
      deny: ['users/*/raw', 'users/api/**'],
      notFound: 'lost.html',
      trailingSlash: 'always',
      redirects: [
        { from: 'basket', to: 'cart' },
        { from: 'clients/', to: 'users/?moved', status: 307 },
        { from: 'moved.js', to: 'main.js' },
      ],
    },
  });
  const { origin } = site.server;
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const visits: Record<string, Visit> = {
    '/shop/': { page: 'index.html' },
    '/shop/index.html': { page: 'index.html' },
    '/shop/help': { page: 'help/index.html', at: '/shop/help/', redirect: 308 },
    '/shop/help/?a=b': { page: 'help/index.html' },
    // The app's own routes are answered as they are, with or without a slash.
    '/shop/users/7?a=b#c': { page: 'index.html' },
    '/shop/users/7/orders/': { page: 'index.html' },
    '/shop/cart': { page: 'index.html' },
    '/shop/basket?a=b': { page: 'index.html', at: '/shop/cart?a=b', redirect: 301 },
    '/shop/clients/?a=b': { page: 'index.html', at: '/shop/users/?moved', redirect: 307 },
    '/shop/users/7/raw': { page: 'lost.html', status: 404 },
    '/shop/users/api/v1/7': { page: 'lost.html', status: 404 },
    '/shop/cart/7': { page: 'lost.html', status: 404 },
    '/shop/about': { page: 'lost.html', status: 404 },
    // A file that is not there is no route.
    '/shop/users/7.png': { page: 'lost.html', status: 404 },
  };
  await expectVisits(page, origin, visits);
  await site.server.goOffline();
  await page.goto(site.url);
  await stopWorker(page);
  await expectVisits(page, origin, { ...visits, '/shop/far/': { page: 'offline.html', status: 503 } });
  expect(await loadedFrom(page, '/shop/moved.js', '/shop/basket')).toEqual(['main.js', 'index.html']);
  expect(await fetched(page, ['/shop/users/7', '/shop/moved.js', '/shop/help', '/shop/help/'])).toEqual({
    '/shop/users/7': 'failed',
    '/shop/moved.js': "/shop/main.js window.ran = 'main.js';",
    // A script or an image has one name.
    '/shop/help': 'failed',
    '/shop/help/': expect.stringContaining('<title>help/index.html'),
  });
  await site.server.goOnline();
  await expectVisits(page, origin, { '/shop/far': { page: 'far/index.html', at: '/shop/far/', redirect: 308 } });
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { EVERYTHING, FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, update, violationsOf, wipeStoredFiles } from './page-actions.js';

const headersOf = (page: Page, path: string): Promise<Record<string, string>> =>
  page.evaluate(async (url) => Object.fromEntries((await fetch(url)).headers), path);

test('C1 the page sees signed headers only, whatever the server adds, drops or changes', async ({ page, publishSite }) => {
  const csp = "default-src 'self'; object-src 'none'; style-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'";
  const site = await publishSite(FIXTURE_APP, {
    headers: [{ path: '**', set: { 'content-security-policy': csp, 'cross-origin-opener-policy': 'same-origin' } }],
  });
  site.server.lie({
    match: /\/vouchsafe\//,
    headers: {
      'content-type': 'text/html',
      'content-security-policy': null,
      'access-control-allow-origin': '*',
      link: '</evil.css>; rel=stylesheet',
      refresh: '0; url=/evil.html',
      sourcemap: '/evil.map',
      'set-cookie': 'evil=1',
      'speculation-rules': '"/evil.json"',
      'service-worker-allowed': '/',
      'x-evil': 'yes',
      'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
    },
  });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const signed = {
    'content-security-policy': csp,
    'cross-origin-opener-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  };
  const types: Record<string, string> = {
    '/': 'text/html; charset=utf-8',
    '/classic.js': 'text/javascript; charset=utf-8',
    '/assets/badge.svg': 'image/svg+xml; charset=utf-8',
    '/assets/answer.wasm': 'application/wasm',
    '/app.webmanifest': 'application/manifest+json',
  };
  for (const [path, type] of Object.entries(types)) {
    const target = path === '/' ? 'index.html' : path.slice(1);
    const bytes = await readFile(join(FIXTURE_APP, target));
    const all = {
      ...signed,
      'content-type': type,
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
      etag: `"${createHash('sha256').update(bytes).digest('hex')}"`,
    };
    expect(await headersOf(page, path)).toEqual(all);
    // The same when the file has to come from the server again.
    await wipeStoredFiles(page);
    expect(await headersOf(page, path)).toEqual(all);
  }
  const seen = await page.evaluate(() => {
    const blocked = new Promise((resolve) =>
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective)),
    );
    const style = document.createElement('style');
    style.textContent = ':root { --evil: yes }';
    document.head.append(style);
    return blocked;
  });
  expect(seen).toBe('style-src-elem');
  expect((await page.reload())?.headers()).toMatchObject(signed);
});

test('C1 a body with a wrong Content-Encoding or Content-Length is refused', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const load = () =>
    page.evaluate(() =>
      fetch('/data.json').then(
        (response) => response.text(),
        () => 'refused',
      ),
    );
  const honest = await load();
  for (const headers of [{ 'content-encoding': 'gzip' }, { 'content-length': '4' }]) {
    const undo = site.server.lie({ match: targetFile('data.json'), headers });
    await wipeStoredFiles(page);
    expect(await load()).toBe('refused');
    undo();
    expect(await load()).toBe(honest);
  }
  await expectViolation(page, { during: 'request', facts: { path: 'data.json' } });
});

test.describe('C2 redirects', () => {
  for (const [where, location] of [
    ['to the same origin', '/elsewhere'],
    ['to another origin', 'http://127.0.0.1:9/evil'],
    ['in a loop', '/vouchsafe/metadata/timestamp.json'],
  ] as const) {
    test(`C2 of metadata and targets ${where} are refused`, { tag: location === '/elsewhere' ? [] : '@chromium' }, async ({
      page,
      publishSite,
      folder,
    }) => {
      const site = await publishSite(await makeRelease(folder, 'one'));
      await openApp(page, site.url);
      const undo = site.server.lie({ match: /timestamp\.json$/, redirect: location });
      expect(await update(page)).toMatchObject({
        outcome: 'failed',
        refusal: { code: 'redirected', facts: { role: 'timestamp' } },
      });
      await expectViolation(page, { code: 'redirected', during: 'update' });
      undo();
      // A root that redirects does not end the chain of roots either.
      site.server.lie({ match: /2\.root\.json$/, redirect: location });
      expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'redirected', facts: { role: 'root' } } });
      site.server.honest();

      site.server.lie({ match: targetFile('classic.js'), redirect: location });
      await wipeStoredFiles(page);
      const since = site.server.requests.length;
      await page.reload();
      await expectViolation(page, { code: 'redirected', during: 'request', facts: { path: 'classic.js' } });
      expect(await page.evaluate(() => 'proof' in window)).toBe(false);
      expect(requestsPastTheWorker(site, since)).toEqual([]);
      site.server.honest();
      await page.reload();
      expect(await proofOf(page)).toEqual(EVERYTHING);
    });
  }
});

test.describe('C3 wrong answers', () => {
  const login = '<!doctype html><title>Log in to FreeWiFi</title><form method="post"><input type="password" name="p"></form>';
  const lies = {
    'a login page': [{ body: login, type: 'text/html' }, /^mismatch$/, 'login page'],
    'a login page as long as none': [{ body: login + ' '.repeat(2 ** 20), type: 'text/html' }, /^too-long$/, 'login page'],
    'a 404 page with a script': [{ status: 404, body: 'window.evil = 1' }, /^unreachable$/],
    'a 500': [{ status: 500, body: 'window.evil = 1' }, /^unreachable$/],
    'a 503': [{ status: 503, body: 'window.evil = 1' }, /^unreachable$/],
    'an empty body': [{ body: '' }, /^mismatch$/, 'empty'],
    'a truncated body': [{ truncate: 20 }, /^(unreachable|mismatch)$/],
    'a body longer than signed': [{ endless: true }, /^too-long$/, 'unknown bytes'],
    'no answer': [{ drop: true }, /^unreachable$/],
  } as const;
  for (const [name, [lie, code, diagnosis]] of Object.entries(lies)) {
    // Whole answers look the same in every engine.
    const tag = 'status' in lie || 'type' in lie ? '@chromium' : [];
    test(`C3 ${name} for a file is refused with its reason`, { tag }, async ({ page, publishSite }) => {
      const site = await publishSite(FIXTURE_APP);
      await openApp(page, site.url);
      site.server.lie({ match: targetFile('classic.js'), ...lie });
      await wipeStoredFiles(page);
      await page.reload();
      await expectViolation(page, { during: 'request', facts: { path: 'classic.js' } });
      const violation = (await violationsOf(page)).find(({ facts }) => facts.path === 'classic.js');
      expect(violation?.code).toMatch(code);
      if ('status' in lie) expect(violation?.facts.status).toBe(lie.status);
      if (diagnosis) expect(violation?.facts.diagnosis).toBe(diagnosis);
      expect(await page.evaluate(() => ['evil' in window, 'proof' in window])).toEqual([false, false]);
      site.server.honest();
      await page.reload();
      expect(await proofOf(page)).toEqual(EVERYTHING);
    });
  }

  test('C3 a captive portal, that answers everything with its login page, does not take the app away', async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    site.server.lie({ match: () => true, body: login, type: 'text/html' });
    expect(await update(page)).toMatchObject({
      outcome: 'failed',
      freshness: 'fresh',
      refusal: { code: 'malformed', facts: { role: 'root', diagnosis: 'login page' } },
    });
    await expectViolation(page, { code: 'malformed', during: 'update', facts: { role: 'root', diagnosis: 'login page' } });
    await page.reload();
    expect(await releaseShown(page)).toBe('one');
    expect(await proofOf(page)).toEqual(EVERYTHING);
    site.server.honest();
    expect(await update(page)).toEqual({ outcome: 'current' });
  });
});

test('C4 a URL leads to one file or to none, and never to the network', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const textOf = (path: string) =>
    page.evaluate(
      (url) =>
        fetch(url).then(
          async (response) => (await response.text()).trim(),
          () => 'refused',
        ),
      site.server.origin + path,
    );
  const data = (await readFile(join(FIXTURE_APP, 'data.json'), 'utf8')).trim();
  const index = (await readFile(join(FIXTURE_APP, 'index.html'), 'utf8')).trim();
  for (const path of [
    '/data.json',
    '/data.json?',
    '/data.json?bypass',
    '/data.json?ngsw-bypass=true',
    '/data.json#x',
    '/pages/../data.json',
    '/%64ata.json',
    '/pages/%2e%2e/data.json',
  ]) {
    expect(await textOf(path), path).toBe(data);
  }
  for (const path of ['/', '/index.html', '/?x', '/./']) expect(await textOf(path), path).toBe(index);
  for (const path of [
    '//data.json',
    '/data.json/',
    '/DATA.JSON',
    '/Data.json',
    '/pages%2Fframe.html',
    '/pages%5Cframe.html',
    '/pages//frame.html',
    '/data.json%00',
    '/data%2Ejson%20',
    '/pages',
    '/%E0%A4%A',
  ]) {
    expect(await textOf(path), path).toBe('refused');
  }
  expect(await textOf('/%C3%BCn%C3%AFcode%20n%C3%A4me.txt')).not.toBe('refused');
  // A navigation to a directory gets its slash; one to another spelling does not get another page.
  await page.goto(`${site.url}pages/about?x#y`);
  expect(page.url()).toBe(`${site.url}pages/about/?x#y`);
  expect(await page.title()).toBe('About');
  expect((await page.goto(`${site.url}Pages/about/`))?.status()).toBe(503);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C6 data passes through a passthrough prefix; nothing that runs does', async ({ page, publishSite }) => {
  const api: RequestListener = (request, response) => {
    const type = request.url?.endsWith('.html') ? 'text/html' : request.url?.endsWith('.css') ? 'text/css' : 'text/javascript';
    response.writeHead(200, { 'content-type': request.url?.includes('data') ? 'application/json' : type });
    response.end(
      request.url?.includes('data') ? `{"method":"${request.method}"}` : 'globalThis.evil = 1; globalThis.postMessage?.("evil")',
    );
  };
  const site = await publishSite(FIXTURE_APP, { passthrough: ['/api/'], api });
  await openApp(page, site.url);
  const json = (method: string) =>
    page.evaluate((verb) => fetch('/api/data', { method: verb }).then((response) => response.json()), method);
  expect(await json('GET')).toEqual({ method: 'GET' });
  expect(await json('POST')).toEqual({ method: 'POST' });

  // What the page takes back, or what is not there, is no violation.
  await page.evaluate(() => {
    const controller = new AbortController();
    const aborted = fetch('/api/data', { signal: controller.signal }).catch(() => {});
    controller.abort();
    return Promise.all([aborted, fetch('http://127.0.0.1:9/nobody').catch(() => {})]);
  });
  expect(await violationsOf(page)).toEqual([]);

  const since = site.server.requests.length;
  const outcomes = await page.evaluate(async () => {
    const settled = (made: EventTarget, good = 'load') =>
      new Promise<string>((resolve) => {
        made.addEventListener(good, () => resolve('came'));
        made.addEventListener('error', () => resolve('refused'));
      });
    const inHead = (tag: string, attributes: object) => {
      const made = Object.assign(document.createElement(tag), attributes);
      const outcome = settled(made);
      document.head.append(made);
      return outcome;
    };
    const promised = (promise: Promise<unknown>) =>
      promise.then(
        () => 'came',
        () => 'refused',
      );
    const inWorker = (source: string, type: WorkerType) =>
      settled(new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type }), 'message');
    const api = `${location.origin}/api`;
    const frame = document.createElement('iframe');
    frame.src = '/api/frame.html';
    document.body.append(frame);
    await settled(frame);
    return Object.fromEntries(
      await Promise.all(
        Object.entries({
          script: inHead('script', { src: '/api/1.js' }),
          module: inHead('script', { src: '/api/2.js', type: 'module' }),
          'dynamic import': promised(import('/api/3.js' as string)),
          style: inHead('link', { rel: 'stylesheet', href: '/api/4.css' }),
          worker: settled(new Worker('/api/5.js'), 'message'),
          'module worker': settled(new Worker('/api/6.js', { type: 'module' }), 'message'),
          importScripts: inWorker(`importScripts('${api}/8.js'); postMessage('ran')`, 'classic'),
          'import in a worker': inWorker(`import('${api}/9.js').catch((error) => setTimeout(() => { throw error }))`, 'module'),
          'audio worklet': promised(new OfflineAudioContext(1, 1, 44100).audioWorklet.addModule('/api/10.js')),
          'script preload': inHead('link', { rel: 'preload', as: 'script', href: '/api/11.js' }),
          'cross-origin script': inHead('script', { src: `${api.replace('localhost', '127.0.0.1')}/12.js` }),
          frame: frame.contentDocument?.title === 'This page was not shown' ? 'refused' : 'came',
        }).map(async ([name, outcome]) => [name, await outcome]),
      ),
    );
  });
  for (const [kind, outcome] of Object.entries(outcomes)) expect(outcome, kind).toBe('refused');
  // One in fifty times Chromium has no event for a SharedWorker whose script is refused, so the service worker is asked.
  await page.evaluate(() => void new SharedWorker('/api/7.js'));
  await expectViolation(page, { code: 'forbidden', facts: { url: `${site.url}api/7.js` } });
  expect((await page.goto(`${site.url}api/page.html`))?.status()).toBe(503);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  await page.goto(site.url);
  expect(await page.evaluate(() => 'evil' in window)).toBe(false);
  await expectViolation(page, {
    code: 'forbidden',
    during: 'request',
    facts: { url: `${site.url}api/1.js`, actual: 'GET script' },
  });
  await expectViolation(page, { code: 'forbidden', during: 'request', facts: { url: `${site.url}api/page.html` } });
});

import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EVERYTHING, FIXTURE_APP, makeRelease } from '../browser/fixture-app.js';
import { plantEvil, requestsPastTheWorker, targetFile } from '../browser/fixtures.js';
import { minuteOfTone, seek } from '../browser/media.js';
import { expectViolation, statusOf, update, violationsOf } from '../browser/page-actions.js';
import { makeSmallRelease, shownBy, whole } from '../browser/small-app.js';
import { expect, expectRefusalPage, openApp, proofOf, test } from './session.js';
import type { Session } from './webdriver.js';

// The main paths in WebKitGTK. The worker's store keeps bytes as ArrayBuffers: under WebDriver this engine stores no Blobs.

const titleOf = (session: Session): Promise<string> => session.evaluate(() => document.title);
const releaseShown = (session: Session): Promise<string> =>
  session.evaluate(() => document.getElementById('title')?.textContent ?? '');
/** What a page's fetch gets: the text, or `refused`. */
const fetched = (session: Session, path: string): Promise<string> =>
  session.evaluate(
    (url) =>
      fetch(url).then(
        (response) => response.text(),
        () => 'refused',
      ),
    path,
  );

test('the first visit goes through the loader and opens the app whole; so do a reload and a visit offline, cold too', async ({
  session,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site)).toEqual(['/']);
  await session.reload();
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site)).toEqual(['/']);
  const { life } = await statusOf(session);

  await site.server.goOffline();
  await session.reload();
  expect(await proofOf(session)).toEqual(EVERYTHING);
  await session.goto(`${site.url}pages/about/`);
  expect(await titleOf(session)).toBe('About');

  // WebKit stops a worker twelve seconds after its last page has gone, and nothing tells when it has.
  await session.goto('about:blank');
  await wait(15_000);
  await session.goto(site.url);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  const status = await statusOf(session);
  expect(status).toMatchObject({ freshness: 'fresh', violations: [] });
  expect(status.life).not.toBe(life);
});

test('a deep link on the first visit ends at the deep link', async ({ session, publishSite }) => {
  const site = await publishSite(FIXTURE_APP, { fallback: 'index.html' });
  await openApp(session, `${site.url}pages/about/?a=b#c`);
  expect(await titleOf(session)).toBe('About');
  expect(await session.evaluate(() => location.href)).toBe(`${site.url}pages/about/?a=b#c`);
  await session.goto(`${site.url}users/7`);
  expect(await titleOf(session)).toBe('Fixture');
  expect(requestsPastTheWorker(site)).toEqual(['/pages/about/']);
});

test('a new release is staged, and the next navigation opens it', async ({ session, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(session, site.url);
  await site.publish(await makeRelease(folder, 'two'));
  expect(await update(session)).toMatchObject({ outcome: 'staged' });
  expect(await releaseShown(session)).toBe('one');
  await session.reload();
  expect(await releaseShown(session)).toBe('two');
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect(await update(session)).toEqual({ outcome: 'current' });
});

test('A1 a changed file is refused, as data and as a page, and is back when the server is honest', async ({
  session,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  const since = site.server.requests.length;
  for (const path of ['data.json', 'classic.js', 'pages/about/index.html']) {
    site.server.lie({ match: targetFile(path), flip: 'middle' });
  }
  // The worker, which lives on, writes down again what it knows, but no files.
  await session.evaluate(async () => {
    for (const { name = '' } of await indexedDB.databases()) {
      await new Promise((resolve, reject) => {
        const deleting = indexedDB.deleteDatabase(name);
        deleting.onsuccess = resolve;
        deleting.onerror = reject;
      });
    }
  });
  await statusOf(session);
  expect(await fetched(session, '/data.json')).toBe('refused');
  await expectViolation(session, { code: 'mismatch', during: 'request', facts: { path: 'data.json' } });
  await session.reload();
  expect(await session.evaluate(() => [document.title, 'proof' in window])).toEqual(['Fixture', false]);
  await expectViolation(session, { code: 'mismatch', during: 'request', facts: { path: 'classic.js' } });
  await session.goto(`${site.url}pages/about/`);
  await expectRefusalPage(session, 'mismatch');

  site.server.honest();
  await session.reload();
  expect(await titleOf(session)).toBe('About');
  await session.goto(site.url);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('A2 what no release lists is refused, and the network is not asked', async ({ session, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  plantEvil(site);
  const since = site.server.requests.length;
  const outcomes = await session.evaluate(async () => {
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
    const frame = Object.assign(document.createElement('iframe'), { src: '/evil-frame.html' });
    document.body.append(frame);
    const loaded = settled(frame);
    const outcomes = {
      script: await inHead('script', { src: '/evil-1.js' }),
      module: await inHead('script', { src: '/evil-2.js', type: 'module' }),
      style: await inHead('link', { rel: 'stylesheet', href: '/evil-3.css' }),
      worker: await settled(new Worker('/evil-4.js'), 'message'),
    };
    await loaded;
    return { ...outcomes, frame: frame.contentDocument?.title };
  });
  expect(outcomes).toEqual({
    script: 'refused',
    module: 'refused',
    style: 'refused',
    worker: 'refused',
    frame: 'This page was not shown',
  });
  expect(await fetched(session, '/evil-5.json')).toBe('refused');
  expect(await session.evaluate(() => 'evil' in window)).toBe(false);
  await expectViolation(session, { code: 'not-found', during: 'request', facts: { url: `${site.url}evil-5.json` } });
  // Engines differ in what they do about a worker that refuses again and again.
  for (const page of ['evil-6.html', 'evil-7.html', 'evil-8.html', 'evil-9.html']) {
    await session.goto(site.url + page);
    await expectRefusalPage(session, 'not-found');
  }
  await session.goto(site.url);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('A7 an expired timestamp freezes the app until there is a newer one', async ({ session, publishSite, folder }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  // Not the first release: a first visit may take longer than so short a life.
  await site.publish(await makeRelease(folder, 'two'), { expires: { timestamp: 6 } });
  expect(await update(session)).toMatchObject({ outcome: 'staged' });
  await session.reload();
  await expect.poll(async () => (await statusOf(session)).freshness).toBe('frozen');
  await expectViolation(session, { code: 'expired', during: 'update', facts: { role: 'timestamp', version: 2 } });
  await session.goto(site.url);
  await expectRefusalPage(session, 'expired');
  await site.publish(FIXTURE_APP);
  await session.reload();
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect((await statusOf(session)).freshness).toBe('fresh');
});

test('C6 data passes through a passthrough prefix; nothing that runs does', async ({ session, publishSite }) => {
  const api: RequestListener = (request, response) => {
    const isData = request.url === '/api/data';
    response.setHeader(
      'content-type',
      isData ? 'application/json' : request.url?.endsWith('.html') ? 'text/html' : 'text/javascript',
    );
    response.end(isData ? '{"says":"from the network"}' : 'globalThis.evil = 1; globalThis.postMessage?.("evil")');
  };
  const site = await publishSite(FIXTURE_APP, { passthrough: ['/api/'], api });
  await openApp(session, site.url);
  expect(await fetched(session, '/api/data')).toBe('{"says":"from the network"}');
  expect(await violationsOf(session)).toEqual([]);
  const since = site.server.requests.length;
  const outcomes = await session.evaluate(async () => {
    const settled = (made: EventTarget, good = 'load') =>
      new Promise<string>((resolve) => {
        made.addEventListener(good, () => resolve('came'));
        made.addEventListener('error', () => resolve('refused'));
      });
    const script = Object.assign(document.createElement('script'), { src: '/api/1.js' });
    const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: '/api/2.css' });
    document.head.append(script, style);
    return Promise.all([settled(script), settled(style), settled(new Worker('/api/3.js'), 'message')]);
  });
  expect(outcomes).toEqual(['refused', 'refused', 'refused']);
  expect(await session.evaluate(() => 'evil' in window)).toBe(false);
  await session.goto(`${site.url}api/4.html`);
  await expectRefusalPage(session, 'forbidden');
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('a release whose metadata is longer than what this engine’s Ed25519 survives is installed, and the next one', async ({
  session,
  publishSite,
  folder,
}) => {
  const makeLong = async (name: string) => {
    const directory = await makeSmallRelease(folder, name);
    for (let i = 0; i < 600; i++) await writeFile(join(directory, `file-${i}.txt`), `${i}`);
    return directory;
  };
  const site = await publishSite(await makeLong('one'));
  expect((await readFile(join(site.out, 'vouchsafe/metadata/1.targets.json'))).length).toBeGreaterThan(70_000);
  await openApp(session, site.url);
  expect(await shownBy(session)).toEqual(whole('one'));
  await site.publish(await makeLong('two'));
  expect(await update(session)).toMatchObject({ outcome: 'staged' });
  await session.reload();
  expect(await shownBy(session)).toEqual(whole('two'));
  expect(await violationsOf(session)).toEqual([]);
});

test('C5 media plays from verified ranges, and seeks', async ({ session, publishSite, folder }) => {
  const directory = await makeRelease(folder, 'media');
  await writeFile(join(directory, 'tone.wav'), minuteOfTone());
  const site = await publishSite(directory, { files: [{ path: '*.wav', keep: 'on-demand', optional: false }] });
  await openApp(session, site.url);
  const since = site.server.requests.length;
  expect(await seek(session, 'tone.wav', 50)).toEqual([60, 50, 1]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  expect(await violationsOf(session)).toEqual([]);
});

test('C7 each byte of a large file is the signed one: the memory of a chunk is freed once the engine has copied it, not before', async ({
  session,
  publishSite,
  folder,
}) => {
  const directory = await makeRelease(folder, 'large');
  const large = Uint8Array.from({ length: 7 * 2 ** 18 + 77 }, (_, i) => (i * 7 + (i >> 8) * 13) % 251);
  await writeFile(join(directory, 'large.bin'), large);
  const site = await publishSite(directory, { files: [{ path: '*.bin', keep: 'on-demand', optional: false }] });
  await openApp(session, site.url);
  const hash = createHash('sha256').update(large).digest('hex');
  const read = () =>
    session.evaluate(async () => {
      const bytes: Uint8Array<ArrayBuffer>[] = [];
      const reader = (await fetch('large.bin', { cache: 'no-store' })).body?.getReader();
      for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
        bytes.push(read.value);
        for (let i = 0; i < 20; i++) await crypto.subtle.digest('SHA-512', read.value);
      }
      const digest = await crypto.subtle.digest('SHA-256', await new Blob(bytes).arrayBuffer());
      return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    });
  // From the network, then as it is stored: in a session that keeps nothing this engine refuses Blobs.
  expect(await read()).toBe(hash);
  const since = site.server.requests.length;
  expect(await read()).toBe(hash);
  // A look for a newer release may come in between.
  expect(site.server.paths(since).filter((path) => targetFile('large.bin').test(path))).toEqual([]);
  expect(await violationsOf(session)).toEqual([]);
});

test('C14 a tab stays on its release while another opens the next one, which alone the server has', async ({
  session,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(session, site.url);
  const targets = join(site.out, 'vouchsafe/targets');
  await rm(targets, { recursive: true });
  await mkdir(targets);
  await site.publish(await makeSmallRelease(folder, 'two'));
  expect(await update(session)).toMatchObject({ outcome: 'staged' });
  const since = site.server.requests.length;
  const back = await session.openTab();
  await session.goto(site.url);
  expect(await shownBy(session)).toEqual(whole('two'));
  await back();
  // What it asks for only now, its lazy chunk among it, is of its own release.
  expect(await shownBy(session)).toEqual(whole('one'));
  expect(await violationsOf(session)).toEqual([]);
  await session.reload();
  expect(await shownBy(session)).toEqual(whole('two'));
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C12 the reset page obeys no script, but a person, also in this engine, which sends its form past the worker', async ({
  session,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  const reset = `${site.url}vouchsafe/reset`;
  const { life } = await statusOf(session);
  const shown = () => session.evaluate(() => [location.href, document.title]);
  await session.evaluate(async (url) => {
    await fetch(url, { method: 'POST', body: new URLSearchParams({ token: 'x' }) }).catch(() => {});
    const form = Object.assign(document.createElement('form'), { method: 'post', action: url });
    document.body.append(form);
    form.submit();
  }, reset);
  await expect(async () => expect(await shown()).toEqual([reset, 'Reset this site'])).toPass({ timeout: 30_000 });
  await openApp(session, site.url);
  expect((await statusOf(session)).life).toBe(life);

  // From the sandbox of the page this engine sends the form past the worker; the loader, which the server has there, brings it back.
  const since = site.server.requests.length;
  await session.goto(reset);
  await session.click('button');
  await expect(async () => expect(await shown()).toEqual([site.url, 'Fixture'])).toPass({ timeout: 30_000 });
  expect(requestsPastTheWorker(site, since)).toEqual(['/vouchsafe/reset', '/']);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  expect((await statusOf(session)).life).not.toBe(life);
});

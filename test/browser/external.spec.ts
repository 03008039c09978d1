import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, wipeStoredFiles } from './page-actions.js';

/** Code of each kind that is asked for at another origin, under `folder` there: what it said, or `refused`. */
const loadFrom = (page: Page, folder: string) =>
  page.evaluate(async (from) => {
    const inHead = (tag: string, attributes: object, said: () => unknown) =>
      new Promise<unknown>((resolve) => {
        const made = Object.assign(document.createElement(tag), attributes);
        made.addEventListener('load', () => resolve(said()));
        made.addEventListener('error', () => resolve('refused'));
        document.head.append(made);
      });
    const inWorker = (source: string) =>
      new Promise<unknown>((resolve) => {
        const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
        worker.onmessage = ({ data }) => resolve(data);
      });
    const global = globalThis as unknown as { said?: string };
    const taken = () => {
      const { said } = global;
      delete global.said;
      return said;
    };
    const style = () => getComputedStyle(document.documentElement).getPropertyValue('--said').trim();
    return {
      script: await inHead('script', { src: `${from}script.js` }, taken),
      'CORS script': await inHead('script', { src: `${from}script.js`, crossOrigin: 'anonymous' }, taken),
      module: await import(`${from}module.js`).then(
        ({ said }) => said as unknown,
        () => 'refused',
      ),
      style: await inHead('link', { rel: 'stylesheet', href: `${from}style.css` }, style),
      importScripts: await inWorker(
        `try { importScripts('${from}script.js'); postMessage(self.said) } catch { postMessage('refused') }`,
      ),
    };
  }, folder);

const all = (said: string) => ({ script: said, 'CORS script': said, module: said, style: said, importScripts: said });

test('C5 C6 scripts, modules, style sheets and workers’ scripts of another origin are refused, or served from signed copies', async ({
  page,
  folder,
  serve,
  publishSite,
}) => {
  const app = join(folder, 'app');
  await cp(FIXTURE_APP, app, { recursive: true });
  await mkdir(join(app, 'vendor'));
  const files = {
    'script.js': "globalThis.said = 'copy';",
    'module.js': "export const said = 'copy';",
    'style.css': ':root { --said: copy }',
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(app, 'vendor', file), text);

  // The other origin has code of its own for every URL, and lets everybody read it.
  const cdn = await serve(app);
  const open = { 'access-control-allow-origin': '*' };
  cdn.lie({
    match: /js$/,
    status: 200,
    body: "globalThis.said = 'evil';",
    headers: { ...open, 'content-type': 'text/javascript' },
  });
  cdn.lie({ match: /css$/, status: 200, body: ':root { --said: evil }', headers: { ...open, 'content-type': 'text/css' } });
  const listed = `${cdn.url}lib/1.0/`;
  const external = Object.fromEntries(Object.keys(files).map((file) => [`${listed}${file}`, `vendor/${file}`]));
  const site = await publishSite(app, { external });
  await openApp(page, site.url);
  await proofOf(page);
  const since = site.server.requests.length;

  // Not listed, though only by one character; and what is listed is listed with its query.
  expect(await loadFrom(page, `${cdn.url}lib/1.1/`)).toEqual(all('refused'));
  const queried = await page.evaluate(
    (url) =>
      import(url).then(
        () => 'came',
        () => 'refused',
      ),
    `${listed}module.js?1`,
  );
  expect(queried).toBe('refused');
  await expectViolation(page, { code: 'forbidden', facts: { url: `${cdn.url}lib/1.1/script.js`, actual: 'GET script' } });
  await expectViolation(page, { code: 'forbidden', facts: { url: `${cdn.url}lib/1.1/style.css`, actual: 'GET style' } });

  // A worker started there is no business of the service worker: browsers allow none.
  const started = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        try {
          // Chromium throws, Firefox says so later.
          new Worker(url).onerror = () => resolve('refused');
        } catch {
          resolve('refused');
        }
      }),
    `${listed}script.js`,
  );
  expect(started).toBe('refused');

  // Listed: ours.
  expect(await loadFrom(page, listed)).toEqual(all('copy'));
  expect(cdn.requests).toEqual([]);
  await cdn.goOffline();
  expect(await loadFrom(page, listed)).toEqual(all('copy'));

  // One byte of our copy is another.
  await cdn.goOnline();
  site.server.lie({ match: targetFile('vendor/script.js'), flip: 'middle' });
  await wipeStoredFiles(page);
  await page.reload();
  await proofOf(page);
  expect(await loadFrom(page, listed)).toEqual({
    ...all('copy'),
    script: 'refused',
    'CORS script': 'refused',
    importScripts: 'refused',
  });
  await expectViolation(page, { code: 'mismatch', facts: { path: 'vendor/script.js' } });
  expect(cdn.requests).toEqual([]);
  site.server.honest();
  expect(await loadFrom(page, listed)).toEqual(all('copy'));
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C6 a signed redirect of a script to another origin ends at what the manifest lists there, and nowhere else; that of data may', async ({
  page,
  folder,
  serve,
  publishSite,
}) => {
  const app = join(folder, 'app');
  await cp(FIXTURE_APP, app, { recursive: true });
  await mkdir(join(app, 'vendor'));
  await writeFile(join(app, 'vendor/script.js'), "globalThis.said = 'copy';");
  const cdn = await serve(app);
  const open = { 'access-control-allow-origin': '*' };
  cdn.lie({
    match: /js$/,
    status: 200,
    body: "globalThis.said = 'evil';",
    headers: { ...open, 'content-type': 'text/javascript' },
  });
  cdn.lie({ match: /json$/, status: 200, body: '{"said":"data"}', headers: { ...open, 'content-type': 'application/json' } });
  const listed = `${cdn.url}lib/1.0/script.js`;
  const unlisted = `${cdn.url}lib/1.1/script.js`;
  const site = await publishSite(app, {
    external: { [listed]: 'vendor/script.js' },
    navigation: {
      redirects: [
        { from: 'to/listed/script.js', to: listed },
        { from: 'to/unlisted/script.js', to: unlisted },
        { from: 'to/data.json', to: `${cdn.url}data.json` },
      ],
    },
  });
  await openApp(page, site.url);
  const saidBy = async (path: string) => {
    const { script, 'CORS script': cors, importScripts } = await loadFrom(page, new URL(path, site.url).href);
    return { script, cors, importScripts };
  };
  const three = (said: string) => ({ script: said, cors: said, importScripts: said });
  expect(await saidBy('to/listed/')).toEqual(three('copy'));
  expect(cdn.requests).toEqual([]);
  expect(await saidBy('to/unlisted/')).toEqual(three('refused'));
  expect(cdn.requests).toEqual([]);
  await expectViolation(page, { code: 'forbidden', during: 'request', facts: { url: unlisted, actual: 'GET script' } });
  // What a page reads is no code: it comes from where the signers say, as it does when the page asks there itself.
  expect(await page.evaluate(() => fetch('to/data.json').then((response) => response.json()))).toEqual({ said: 'data' });
  expect(cdn.paths()).toEqual(['/data.json']);
});

import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { EVERYTHING, FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, plantEvil, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update, wipeStoredFiles } from './page-actions.js';

// The ways to fail open that were measured in real engines (the lab's first section), each with a server that has something to show for it.

async function expectRefusalPage(page: Page, url: string, reason: string): Promise<void> {
  const response = await page.goto(url);
  expect(response?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText(reason);
}

test('however often pages and frames are refused, the network is not asked and the worker stays', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  plantEvil(site);
  const since = site.server.requests.length;
  for (let i = 1; i <= 4; i++) await expectRefusalPage(page, `${site.url}evil-${i}.html`, 'not-found');
  await page.goto(site.url);
  const titles = await page.evaluate(async () => {
    const open = async (i: number) => {
      const frame = document.createElement('iframe');
      frame.src = `/evil-frame-${i}.html`;
      document.body.append(frame);
      await new Promise((resolve) => {
        frame.onload = resolve;
      });
      return frame.contentDocument?.title;
    };
    return [await open(1), await open(2), await open(3), await open(4)];
  });
  expect(titles).toEqual(Array(4).fill('This page was not shown'));
  expect(await page.evaluate(() => navigator.serviceWorker.getRegistrations().then((all) => all.length))).toBe(1);
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('A2 no kind of request for an unlisted file gets to the network', async ({ page, publishSite, browserName }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  plantEvil(site);
  const since = site.server.requests.length;
  const outcomes = await page.evaluate(async () => {
    const settled = (made: EventTarget, good: string, bad = 'error') =>
      new Promise<string>((resolve) => {
        made.addEventListener(good, () => resolve('came'));
        made.addEventListener(bad, () => resolve('refused'));
      });
    const inHead = (tag: string, attributes: object) => {
      const made = Object.assign(document.createElement(tag), attributes);
      const outcome = settled(made, 'load');
      document.head.append(made);
      return outcome;
    };
    const media = (tag: 'audio' | 'video', src: string) => {
      const made = Object.assign(document.createElement(tag), { preload: 'auto', src });
      return settled(made, 'loadeddata');
    };
    const promised = (promise: Promise<unknown>) =>
      promise.then(
        () => 'came',
        () => 'refused',
      );
    const inWorker = (source: string, type: WorkerType) => {
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      return settled(new Worker(url, { type }), 'message');
    };
    const here = location.origin;
    return Object.fromEntries(
      await Promise.all(
        Object.entries({
          script: inHead('script', { src: '/evil-1.js' }),
          module: inHead('script', { src: '/evil-2.js', type: 'module' }),
          'dynamic import': promised(import('/evil-3.js' as string)),
          style: inHead('link', { rel: 'stylesheet', href: '/evil-4.css' }),
          preload: inHead('link', { rel: 'preload', as: 'script', href: '/evil-5.js' }),
          modulepreload: inHead('link', { rel: 'modulepreload', href: '/evil-6.js' }),
          image: settled(Object.assign(new Image(), { src: '/evil-7.png' }), 'load'),
          audio: media('audio', '/evil-8.mp3'),
          video: media('video', '/evil-9.mp4'),
          font: promised(new FontFace('Evil', 'url(/evil-10.woff2)').load()),
          fetch: promised(fetch('/evil-11.json')),
          xhr: (() => {
            const request = new XMLHttpRequest();
            request.open('GET', '/evil-12.json');
            request.send();
            return settled(request, 'load');
          })(),
          post: promised(fetch('/evil-13', { method: 'POST', body: 'x' })),
          'event source': settled(new EventSource('/evil-14'), 'message'),
          worker: settled(new Worker('/evil-15.js'), 'message'),
          'module worker': settled(new Worker('/evil-16.js', { type: 'module' }), 'message'),
          importScripts: inWorker(`importScripts('${here}/evil-18.js'); postMessage('ran')`, 'classic'),
          'import in a worker': inWorker(
            `import('${here}/evil-19.js').catch((error) => setTimeout(() => { throw error }))`,
            'module',
          ),
          'audio worklet': promised(new OfflineAudioContext(1, 1, 44100).audioWorklet.addModule('/evil-20.js')),
          'json module': promised(import('/evil-21.json' as string)),
        }).map(async ([name, outcome]) => [name, await outcome]),
      ),
    );
  });
  for (const [kind, outcome] of Object.entries(outcomes)) expect(outcome, kind).toBe('refused');
  // One in fifty times Chromium has no event for a SharedWorker whose script is refused, so the service worker is asked.
  await page.evaluate(() => void new SharedWorker('/evil-17.js'));
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}evil-17.js` } });
  // Neither of these has an event that says that nothing happened, and a service worker sees neither: the signed policy forbids them.
  await page.evaluate(() => {
    const embed = Object.assign(document.createElement('embed'), { src: '/evil-embed.html', type: 'text/html' });
    const object = Object.assign(document.createElement('object'), { data: '/evil-object.html', type: 'text/html' });
    document.body.append(embed, object);
    return new Promise((resolve) => document.addEventListener('securitypolicyviolation', resolve));
  });
  expect(
    await page.evaluate(() => 'evil' in window || getComputedStyle(document.documentElement).getPropertyValue('--evil') !== ''),
  ).toBe(false);

  // Pages of their own: a form's POST and a new window.
  await page.evaluate(() => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: '/evil-form.html' });
    document.body.append(form);
    form.submit();
  });
  await expect(page).toHaveTitle('This page was not shown');
  await page.goto(site.url);
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => void window.open('/evil-popup.html'))]);
  await expect(popup).toHaveTitle('This page was not shown');
  expect(requestsPastTheWorker(site, since), browserName).toEqual([]);
});

const BROKEN: readonly { readonly name: string; readonly config: string; readonly code: string }[] = [
  { name: 'no configuration', config: '', code: 'storage' },
  { name: 'a configuration that is null', config: 'self.vouchsafe=null;', code: 'storage' },
  {
    name: 'a root that is no metadata',
    config: 'self.vouchsafe={roots:["{}"],metadata:"m/",targets:"t/",passthrough:[]};',
    code: 'malformed',
  },
];
for (const { name, config, code } of BROKEN)
  test(`a worker that cannot even start its work refuses everything: ${name}`, async ({ page, publishSite }) => {
    const site = await publishSite(FIXTURE_APP);
    const script = await readFile(join(site.out, 'vouchsafe-worker.js'), 'utf8');
    const body = config + script.slice(script.indexOf('\n'));
    site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
    await page.goto(site.url);
    await expect(page.locator('#title')).toHaveText('This site was not opened');
    plantEvil(site);
    const since = site.server.requests.length;
    for (let i = 1; i <= 4; i++) await expectRefusalPage(page, `${site.url}evil-${i}.html`, code);
    expect(
      await page.evaluate(() =>
        fetch('/evil.js').then(
          () => 'came',
          () => 'refused',
        ),
      ),
    ).toBe('refused');
    expect(requestsPastTheWorker(site, since)).toEqual([]);
  });

test('C8 storage that may not be used is no reason not to run, verified from the network, and it says so', async ({
  page,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  const script = await readFile(join(site.out, 'vouchsafe-worker.js'), 'utf8');
  const body = `Object.defineProperty(self,'indexedDB',{get(){throw new DOMException('no','SecurityError')}});${script}`;
  site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect((await statusOf(page)).storage.kept).toBe('memory');
  await expectViolation(page, { code: 'storage', during: 'storage' });
  site.server.lie({ match: targetFile('data.json'), flip: 'last' });
  expect(
    await page.evaluate(() =>
      fetch('data.json').then(
        () => 'came',
        () => 'refused',
      ),
    ),
  ).toBe('refused');
});

test('C8 without storage each life of the worker answers its first page without downloading the whole app for it', async ({
  page,
  publishSite,
  folder,
}) => {
  const app = await makeRelease(folder, 'one');
  for (let i = 0; i < 20; i++) await writeFile(join(app, `unused-${i}.js`), `unused ${i}`);
  const site = await publishSite(app);
  const script = await readFile(join(site.out, 'vouchsafe-worker.js'), 'utf8');
  const body = `Object.defineProperty(self,'indexedDB',{get(){throw new DOMException('no','SecurityError')}});${script}`;
  site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
  const targets = (since: number) => site.server.paths(since).filter((path) => path.includes('/targets/'));
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  await stopWorker(page);
  const since = site.server.requests.length;
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  // The manifest, the page, then what the page asks for.
  const asked = targets(since);
  expect(asked[1] ?? '').toMatch(targetFile('index.html'));
  expect(targets(0).filter((path) => path.includes('unused'))).toEqual([]);
});

test('C8 without storage a web worker that waits for a script of its own gets it from a worker that has just started', async ({
  page,
  publishSite,
  folder,
}) => {
  const app = await makeRelease(folder, 'one');
  await writeFile(
    join(app, 'late.js'),
    "onmessage = () => { importScripts('part.js'); postMessage(self.part); }; postMessage('');",
  );
  await writeFile(join(app, 'part.js'), "self.part = 'came';");
  const site = await publishSite(app);
  const script = await readFile(join(site.out, 'vouchsafe-worker.js'), 'utf8');
  const body = `Object.defineProperty(self,'indexedDB',{get(){throw new DOMException('no','SecurityError')}});${script}`;
  site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const worker = await page.evaluateHandle(async () => {
    const started = new Worker('late.js');
    await new Promise((resolve) => started.addEventListener('message', resolve, { once: true }));
    return started;
  });
  // The next life has no release, and lists its clients while it gets one: in Firefox each client has to say for itself that it is there.
  await stopWorker(page);
  const said = worker.evaluate((started) => {
    const answer = new Promise((resolve) => started.addEventListener('message', ({ data }) => resolve(data)));
    started.postMessage('');
    return answer;
  });
  expect(await said).toBe('came');
});

test('a navigation that starts a stopped worker is not sent to the network as well', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const other = await page.context().newPage();
  for (let i = 0; i < 3; i++) {
    const life = await stopWorker(page);
    const since = site.server.requests.length;
    await other.goto(`${site.url}pages/about/?${i}`);
    expect(await other.title()).toBe('About');
    expect((await statusOf(other)).life).not.toBe(life);
    expect(requestsPastTheWorker(site, since)).toEqual([]);
  }
});

test('a body that stops halfway is not shown in part', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const { length } = await readFile(join(FIXTURE_APP, 'pages/about/index.html'));
  site.server.lie({ match: targetFile('pages/about/index.html'), truncate: length - 1 });
  await wipeStoredFiles(page);
  const response = await page.goto(`${site.url}pages/about/`);
  expect(response?.status()).toBe(503);
  expect(await page.title()).toBe('This page was not shown');
  expect(await page.content()).not.toContain('About the fixture');
});

test('a worker that is stopped while a page reads from it leaves no part that looks whole', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const app = await makeRelease(folder, 'one');
  await writeFile(join(app, 'large.bin'), randomBytes(1_000_000));
  const site = await publishSite(app);
  await openApp(page, site.url);
  const reading = await page.evaluateHandle(async () => {
    const reader = (await fetch('large.bin')).body?.getReader();
    const first = await reader?.read();
    return { reader, length: first?.value?.length ?? 0 };
  });
  expect(await reading.evaluate(({ length }) => length)).toBeLessThan(1_000_000);
  await stopWorker(page);
  const length = await reading.evaluate(async ({ reader, length }) => {
    let sum = length;
    try {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) sum += next.value.length;
    } catch {
      return 'an error';
    }
    return sum;
  });
  expect([1_000_000, 'an error']).toContain(length);
});

for (const [how, chunkFrom] of Object.entries({ whole: 2 ** 30, 'in chunks': 2 ** 20 }))
  test(`a large file, signed ${how}, that takes longer to download than a worker may idle arrives whole`, async ({
    page,
    publishSite,
    folder,
  }) => {
    const app = await makeRelease(folder, 'one');
    const script = `self.begun = true; /*${'-'.repeat(8_000_000)}*/ self.ended = true;`;
    await writeFile(join(app, 'large.js'), script);
    const site = await publishSite(app, { chunkFrom });
    await openApp(page, site.url);
    const { life } = await statusOf(page);
    site.server.lie({ match: targetFile('large.js'), hold: true });
    await wipeStoredFiles(page);
    const asked = site.server.nextRequest(targetFile('large.js'));
    const run = page.evaluate(async () => {
      const source = 'importScripts(name); postMessage([self.begun, self.ended])'.replace('name', `'${location.origin}/large.js'`);
      const worker = new Worker(URL.createObjectURL(new Blob([source])));
      const ran = await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
      });
      return { ran, length: (await (await fetch('/large.js')).arrayBuffer()).byteLength };
    });
    await asked;
    // Three times as long as the configuration lets a worker of Firefox idle.
    await page.waitForTimeout(1_500);
    site.server.honest();
    expect(await run).toEqual({ ran: [true, true], length: script.length });
    // Else nothing was tried: the worker has to go as soon as it is allowed to.
    if (test.info().project.name === 'firefox') await expect.poll(async () => (await statusOf(page)).life).not.toBe(life);
  });

test('the repository’s own files are no pages', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await expectRefusalPage(page, `${site.url}vouchsafe/metadata/timestamp.json`, 'not-found');
  await expectRefusalPage(page, `${site.url}vouchsafe/metadata/`, 'not-found');
  await page.goto(site.url);
  expect(await releaseShown(page)).toBe('one');
  expect(await update(page)).toEqual({ outcome: 'current' });
  await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: `${site.url}vouchsafe/metadata/` } });
});

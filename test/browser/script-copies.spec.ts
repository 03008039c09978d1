import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import { expect, requestsPastTheWorker, type Site, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update, violationsOf, wipeStoredFiles } from './page-actions.js';

/** More than the publisher takes for large, and in three chunks. */
const PADDING = 600_000;
const SCRIPT = /\/big\.js$/;
/** The names of the worker's caches begin so. */
const OURS = 'vouchsafe code ';

/** Scripts of the same length, whatever the release. */
const scriptOf = (release: string): string => `window.release = '${release}'; /*${'.'.repeat(PADDING)}*/`;

/** An app whose page names one large classic script. */
async function makeRelease(folder: string, release: string): Promise<string> {
  const directory = join(folder, `big-${release}`);
  await mkdir(directory, { recursive: true });
  const page = `<!doctype html><meta charset="utf-8"><title>${release}</title><link rel="icon" href="data:,"><script src="big.js"></script>`;
  await writeFile(join(directory, 'index.html'), page);
  await writeFile(join(directory, 'big.js'), scriptOf(release));
  await writeFile(join(directory, 'worker.html'), '<!doctype html><title>worker</title>');
  return directory;
}

const releaseOf = (page: Page) => page.evaluate(() => (window as unknown as { release?: string }).release);

/** What each of the worker's copies begins with, by the hash in its cache's name. */
const copiesOf = (page: Page) =>
  page.evaluate(async (prefix) => {
    const names = (await caches.keys()).filter((name) => name.startsWith(prefix));
    const read = async (name: string) => {
      const cache = await caches.open(name);
      const found = await Promise.all(
        (await cache.keys()).map(async (key) => (await (await cache.match(key))?.text())?.slice(18, 21)),
      );
      return found.join();
    };
    return (await Promise.all(names.map(read))).sort();
  }, OURS);

/** Past the worker and the metadata: what the worker took from the script's own URL. */
const ownRequests = (site: Site, since = 0) => requestsPastTheWorker(site, since).filter((path) => SCRIPT.test(path));

/** On the origin, but without a worker: a page script's way to answers of the server that it may alter as it likes. */
async function keepForAttacker(page: Page, site: Site, text: string): Promise<void> {
  await writeFile(join(site.out, 'big.js'), text);
  await page.goto(`${site.url}vouchsafe-loader.js`);
  await page.evaluate(async () => {
    const cache = await caches.open('attacker');
    await cache.put('/big.js', await fetch('/big.js', { cache: 'no-store' }));
  });
}

/** Puts the attacker's answer in the place of the worker's copies. Runs in a page or in the worker. */
const poison = async (prefix: string): Promise<void> => {
  for (const name of await caches.keys()) {
    const evil = await caches.match('/big.js', { cacheName: 'attacker' });
    if (name.startsWith(prefix) && evil) await (await caches.open(name)).put('/big.js', evil);
  }
};

const deleteCopies = async (prefix: string): Promise<void> => {
  for (const name of await caches.keys()) if (name.startsWith(prefix)) await caches.delete(name);
};

/** Runs something in the worker in the moment when it has hashed a body of this length, before it goes on. Chromium only. */
async function afterHash(context: BrowserContext, length: number, action: (prefix: string) => Promise<void>): Promise<void> {
  const [worker] = context.serviceWorkers();
  await worker?.evaluate(
    ([size, source, prefix]) => {
      const act = new Function('prefix', `return (${source})(prefix)`) as (prefix: string) => Promise<void>;
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      crypto.subtle.digest = async (algorithm, data) => {
        const hash = await digest(algorithm, data);
        if (data.byteLength === size) {
          await act(prefix as string);
          (globalThis as { acted?: number }).acted = ((globalThis as { acted?: number }).acted ?? 0) + 1;
        }
        return hash;
      };
    },
    [length, String(action), OURS] as const,
  );
}

const timesActed = (context: BrowserContext) =>
  context.serviceWorkers()[0]?.evaluate(() => (globalThis as { acted?: number }).acted ?? 0);

test('C7 a copy that a page script alters, swaps or deletes is never what runs, and is made anew', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await keepForAttacker(page, site, scriptOf('bad'));
  await writeFile(join(site.out, 'big.js'), scriptOf('one'));
  await openApp(page, site.url);
  expect(await copiesOf(page)).toEqual(['one']);

  await page.evaluate(poison, OURS);
  expect(await copiesOf(page)).toEqual(['bad']);
  await page.reload();
  expect(await releaseOf(page)).toBe('one');
  await expectViolation(page, { code: 'mismatch', during: 'storage', facts: { path: 'big.js' } });
  await expect.poll(() => copiesOf(page)).toEqual(['one']);

  const made = { 'x-content-type-options': 'nosniff', 'content-type': 'text/javascript; charset=utf-8' };
  const edits: Record<string, () => Promise<unknown>> = {
    'deleted caches': () => page.evaluate(deleteCopies, OURS),
    // A response that a script made has no URL; it may be our own note that the server was not asked for nothing, and is for an hour.
    'a response of its own': () =>
      page.evaluate(
        async ([prefix, headers]) => {
          for (const name of await caches.keys()) {
            if (!name.startsWith(prefix)) continue;
            await (await caches.open(name)).put('/big.js', new Response("window.release = 'bad'", { headers }));
          }
        },
        [OURS, made] as const,
      ),
  };
  for (const [name, edit] of Object.entries(edits)) {
    await test.step(name, async () => {
      await edit();
      await page.reload();
      expect(await releaseOf(page)).toBe('one');
      await expect.poll(() => copiesOf(page)).toEqual(['one']);
    });
  }
});

test('C7 what a page script writes between the hash of a copy and its hand-over does not run @chromium', async ({
  page,
  context,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await keepForAttacker(page, site, scriptOf('bad'));
  await writeFile(join(site.out, 'big.js'), scriptOf('one'));
  await openApp(page, site.url);
  for (const [name, edit] of Object.entries({ overwritten: poison, deleted: deleteCopies })) {
    await test.step(name, async () => {
      await expect.poll(() => copiesOf(page)).toEqual(['one']);
      await stopWorker(page);
      await statusOf(page);
      await afterHash(context, scriptOf('one').length, edit);
      const since = site.server.requests.length;
      await page.reload();
      expect(await timesActed(context)).toBe(1);
      expect(await releaseOf(page)).toBe('one');
      // It was the copy that ran: nothing else was asked for, and the next page finds what was written.
      expect(ownRequests(site, since)).toEqual([]);
      expect(await copiesOf(page)).toEqual(name === 'deleted' ? [] : ['bad']);
      await stopWorker(page);
      await page.reload();
      expect(await releaseOf(page)).toBe('one');
    });
  }
});

test('C7 under a script that overwrites copies without pause, only signed bytes run', { tag: '@chromium' }, async ({
  page,
  context,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await keepForAttacker(page, site, scriptOf('bad'));
  await writeFile(join(site.out, 'big.js'), scriptOf('one'));
  await openApp(page, site.url);
  const victim = await context.newPage();
  await victim.goto(site.url);
  await page.evaluate((prefix) => {
    const write = async (): Promise<void> => {
      for (const name of await caches.keys()) {
        if (!name.startsWith(prefix)) continue;
        const right = await caches.match('/big.js', { cacheName: name });
        const evil = await caches.match('/big.js', { cacheName: 'attacker' });
        const cache = await caches.open(name);
        if (evil) await cache.put('/big.js', evil);
        if (right) await cache.put('/big.js', right);
      }
      setTimeout(write);
    };
    void write();
  }, OURS);
  for (let i = 0; i < 15; i++) {
    await victim.reload();
    expect(await releaseOf(victim)).toBe('one');
  }
});

const HEADERS: Record<string, Record<string, string | null>> = {
  'a link': { link: '</evil.css>; rel=preload; as=style' },
  'a server timing': { 'server-timing': 'evil;dur=1' },
  'a source map': { sourcemap: '/evil.map' },
  'another type': { 'content-type': 'text/html; charset=utf-8' },
  'another policy': { 'content-security-policy': "script-src 'none'" },
  'no nosniff': { 'x-content-type-options': null },
  'a date of expiry': { expires: 'Tue, 01 Jan 2030 00:00:00 GMT' },
  'leave to keep it': { 'cache-control': 'public, max-age=31536000' },
  'a header that nobody knows': { 'x-next-year': '1' },
};

for (const [name, headers] of Object.entries(HEADERS)) {
  test(`C1 a script that comes with ${name} is not kept as it is, and runs under signed headers @chromium`, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    site.server.lie({ match: SCRIPT, headers });
    await openApp(page, site.url);
    await page.reload();
    expect(await releaseOf(page)).toBe('one');
    // What is there is a note of when the server was asked.
    expect((await copiesOf(page)).join()).not.toContain('one');
    const shown = await page.evaluate(async () => {
      const timing = performance.getEntriesByName(new URL('big.js', location.href).href)[0] as PerformanceResourceTiming;
      const response = await fetch('big.js');
      return {
        timing: timing.serverTiming.length,
        headers: [...response.headers.keys()].sort(),
        type: response.headers.get('content-type'),
      };
    });
    expect(shown).toEqual({
      timing: 0,
      headers: ['accept-ranges', 'content-length', 'content-security-policy', 'content-type', 'etag', 'x-content-type-options'],
      type: 'text/javascript; charset=utf-8',
    });
    expect(await violationsOf(page)).toEqual([]);
    // One question, and none at each start of the worker.
    await stopWorker(page);
    await page.reload();
    expect(await releaseOf(page)).toBe('one');
    expect(ownRequests(site)).toHaveLength(1);
  });
}

test('C1 who can read headers gets the answer that is made of signed ones, also when there is a copy', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  site.server.lie({ match: SCRIPT, headers: { server: 'evil', etag: '"evil"' } });
  await openApp(page, site.url);
  expect(await copiesOf(page)).toEqual(['one']);
  const read = await page.evaluate(async () => {
    const whole = await fetch('big.js');
    const part = await fetch('big.js', { headers: { range: 'bytes=0-9' } });
    return { server: whole.headers.get('server'), etag: whole.headers.get('etag'), status: part.status, text: await part.text() };
  });
  expect(read).toEqual({ server: null, etag: expect.stringMatching(/^"[0-9a-f]{64}"$/), status: 206, text: 'window.rel' });
});

test('A1 when the script at its own URL is another one, or none, the app runs from what is signed', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  const lies = [
    { flip: 'middle' },
    { status: 404 },
    { redirect: '/evil.js' },
    { endless: true },
    { truncate: 1000 },
    { drop: true },
  ] as const;
  const names = ['two', 'six', 'ten', 'abc', 'def', 'ghi'];
  await openApp(page, site.url);
  for (const [i, lie] of lies.entries()) {
    await test.step(JSON.stringify(lie), async () => {
      await site.publish(await makeRelease(folder, names[i] ?? ''));
      site.server.lie({ match: SCRIPT, ...lie });
      expect(await update(page)).toMatchObject({ outcome: 'staged' });
      await page.reload();
      expect(await releaseOf(page)).toBe(names[i]);
      // At that URL lies what was published last, which need not be what a browser has to get: no violation.
      expect(await violationsOf(page)).toEqual([]);
      site.server.honest();
    });
  }
});

test('A6 A14 the copy of one release is never served for another', async ({ page, context, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const old = await context.newPage();
  await old.goto(site.url);
  await site.publish(await makeRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  expect(await copiesOf(page)).toEqual(['one', 'two']);
  await page.reload();
  expect(await releaseOf(page)).toBe('two');
  // The old page stays on its release; a script that it loads now is that one's.
  const loaded = await old.evaluate(async () => {
    const script = Object.assign(document.createElement('script'), { src: 'big.js' });
    const done = new Promise((resolve) => script.addEventListener('load', resolve));
    document.body.append(script);
    await done;
    return (window as unknown as { release: string }).release;
  });
  expect(loaded).toBe('one');
  // The attacker puts the old copy in the place of the new one.
  await page.evaluate(async (prefix) => {
    const names = (await caches.keys()).filter((name) => name.startsWith(prefix));
    const all = await Promise.all(names.map((name) => caches.match('/big.js', { cacheName: name })));
    await Promise.all(all.map(async (copy, i) => copy && (await caches.open(names[(i + 1) % 2] ?? '')).put('/big.js', copy)));
  }, OURS);
  await page.reload();
  expect(await releaseOf(page)).toBe('two');
});

test('C15 offline the copy serves, and without it what is stored', { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  // One request brought both copies.
  expect(ownRequests(site)).toHaveLength(1);
  expect(site.server.paths().filter((path) => targetFile('big.js').test(path))).toEqual([]);
  await site.server.goOffline();
  await stopWorker(page);
  await page.reload();
  expect(await releaseOf(page)).toBe('one');
  await page.evaluate(deleteCopies, OURS);
  await stopWorker(page);
  await page.reload();
  expect(await releaseOf(page)).toBe('one');
  expect(await copiesOf(page)).toEqual([]);
  await site.server.goOnline();
  await stopWorker(page);
  await page.reload();
  await expect.poll(() => copiesOf(page)).toEqual(['one']);
});

test('what is stored is not needed while there is a copy, and what a worker or a module worker runs comes from there', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await wipeStoredFiles(page);
  const since = site.server.requests.length;
  await page.reload();
  expect(await releaseOf(page)).toBe('one');
  const asked = () => site.server.paths(since).filter((path) => targetFile('big.js').test(path)).length;
  const before = asked();
  await page.evaluate(async () => {
    const worker = new Worker('big.js');
    // It has no `window`, and says so.
    await new Promise((resolve) => worker.addEventListener('error', resolve));
    worker.terminate();
  });
  expect([before, asked()]).toEqual([0, 1]);
  expect(await statusOf(page)).toMatchObject({ freshness: 'fresh' });
});

test('a worker that stands down deletes its copies', { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
  const directory = await makeRelease(folder, 'one');
  const site = await publishSite(directory);
  await openApp(page, site.url);
  // Before the worker unregisters: there is none to wait for then.
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await site.publish(directory, { delivery: 'progressive', tombstone: true });
  // The look of the page that has just opened may have found it.
  expect((await update(page)).outcome).toMatch(/^(activated|current)$/);
  expect(await page.evaluate(() => caches.keys())).toEqual([]);
});

test('Chromium runs the copy from compiled code @chromium', async ({ browser, page, context, publishSite, folder }) => {
  const directory = await makeRelease(folder, 'one');
  // Enough functions that run at once for an engine to keep what it made of them.
  const functions = Array.from(
    { length: 4000 },
    (_, i) => `function f${i}(a) { return a + ${i} * Math.sqrt(a + ${i}); } f${i}(${i});`,
  );
  await writeFile(join(directory, 'big.js'), `window.release = 'one';\n${functions.join('\n')}`);
  const consumed = async (url: string): Promise<number> => {
    const tab = await context.newPage();
    await browser.startTracing(tab, { categories: ['devtools.timeline', 'v8', 'disabled-by-default-v8.compile'] });
    await tab.goto(url);
    expect(await releaseOf(tab)).toBe('one');
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
      traceEvents: { name: string; args: { data?: { url?: string; consumedCacheSize?: number } } }[];
    };
    await tab.close();
    const compiled = traceEvents.filter(({ name, args }) => name === 'v8.compile' && SCRIPT.test(args.data?.url ?? ''));
    expect(compiled).toHaveLength(1);
    return compiled[0]?.args.data?.consumedCacheSize ?? 0;
  };
  const visits = async (options: { codeCache?: false }): Promise<number[]> => {
    const site = await publishSite(directory, options);
    await openApp(page, site.url);
    const sizes: number[] = [];
    for (let i = 0; i < 6; i++) sizes.push(await consumed(site.url));
    return sizes;
  };
  expect((await visits({})).at(-1)).toBeGreaterThan(100_000);
  expect(await visits({ codeCache: false })).toEqual([0, 0, 0, 0, 0, 0]);
});

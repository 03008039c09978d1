import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, requestsPastTheWorker, type Site, test } from './fixtures.js';
import { openApp, statusOf, stopWorker, update, violationsOf } from './page-actions.js';

/** Each release has files of its own only, as a bundler that puts hashes into file names makes them. */
async function makeRelease(folder: string, name: string): Promise<string> {
  const directory = join(folder, name);
  await mkdir(directory, { recursive: true });
  const script = (file: string, text: string) => writeFile(join(directory, `${file}-${name}.js`), text);
  await script('main', `window.release = '${name}'; window.lazy = () => import('./lazy-${name}.js').then(({ lazy }) => lazy);`);
  await script('lazy', `export const lazy = 'lazy ${name}';`);
  await script('worker', `onmessage = async () => postMessage((await (await fetch('data-${name}.json')).json()).says);`);
  await writeFile(join(directory, `data-${name}.json`), `{"says":"data ${name}"}`);
  await script(
    'worklet',
    `import { says } from './says-${name}.js';
    registerProcessor('says', class extends AudioWorkletProcessor {
      constructor() { super(); this.port.postMessage(says); }
      process() { return false; }
    });`,
  );
  await script('says', `export const says = 'worklet ${name}';`);
  // The same name in each release, other bytes.
  await writeFile(join(directory, 'same.txt'), `same ${name}`);
  await writeFile(join(directory, `frame-${name}.html`), `<!doctype html><title>frame</title><p id="frame">frame ${name}`);
  await writeFile(
    join(directory, 'index.html'),
    `<!doctype html><meta charset="utf-8"><title>${name}</title><script src="main-${name}.js"></script>`,
  );
  return directory;
}

/** Everything that a page loads late, of the release it shows. */
function loadLate(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const { release, lazy } = window as unknown as { release: string; lazy(): Promise<string> };
    const worker = new Worker(`worker-${release}.js`);
    const said = new Promise<string>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as string);
      worker.onerror = () => reject(new Error('the worker failed'));
    });
    worker.postMessage('');
    const frame = document.createElement('iframe');
    frame.src = `frame-${release}.html`;
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.body.append(frame);
    await loaded;
    const audio = new OfflineAudioContext(1, 1, 44_100);
    await audio.audioWorklet.addModule(`worklet-${release}.js`);
    const { port } = new AudioWorkletNode(audio, 'says');
    const worklet = await new Promise<string>((resolve) => {
      port.onmessage = ({ data }) => resolve(data as string);
      void audio.startRendering();
    });
    return {
      release,
      worklet,
      lazy: await lazy(),
      worker: await said,
      frame: frame.contentDocument?.getElementById('frame')?.textContent ?? 'none',
      same: await (await fetch('same.txt')).text(),
    };
  });
}

/** The versions of the releases that the worker's store has, and the hashes of the files. */
function storedBy(page: Page): Promise<{ versions: string[]; hashes: string[] }> {
  return page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases();
    const asked = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await asked(indexedDB.open(name));
    const transaction = database.transaction(['releases', 'indexes']);
    const [keys, indexes] = await Promise.all([
      asked(transaction.objectStore('releases').getAllKeys()),
      asked(transaction.objectStore('indexes').getAll()) as Promise<{ hashes: string }[]>,
    ]);
    database.close();
    return {
      versions: keys.map((key) => `${key}`.split('-', 1)[0] ?? ''),
      hashes: indexes.flatMap(({ hashes }) => hashes.split(' ')),
    };
  });
}

/** Which of the stored files the server's release does not have. */
async function storedOfOthers(page: Page, { out }: Site): Promise<string[]> {
  const names = (await readdir(join(out, 'vouchsafe/targets'), { recursive: true })).map((path) => basename(path));
  const { hashes } = await storedBy(page);
  expect(hashes.length).toBeGreaterThan(5);
  return hashes.filter((hash) => !names.some((name) => name.startsWith(hash)));
}

const all = (name: string) => ({
  release: name,
  worklet: `worklet ${name}`,
  lazy: `lazy ${name}`,
  worker: `data ${name}`,
  frame: `frame ${name}`,
  same: `same ${name}`,
});

/** Publishes a release after which the server has no file of an earlier one. */
async function replace(site: Site, directory: string): Promise<void> {
  await rm(join(site.out, 'vouchsafe/targets'), { recursive: true });
  await mkdir(join(site.out, 'vouchsafe/targets'));
  await site.publish(directory);
  expect((await readdir(join(site.out, 'vouchsafe/targets'))).length).toBeGreaterThan(0);
}

test('C14 tabs of three releases stay on theirs, across worker restarts, when the server has only the last one', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const tabs = [page];
  for (const name of ['two', 'three']) {
    await replace(site, await makeRelease(folder, name));
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
    const tab = await page.context().newPage();
    await tab.goto(site.url);
    expect(await tab.title()).toBe(name);
    tabs.push(tab);
  }
  const [, two, three] = tabs as [Page, Page, Page];
  // Each for the first time, in an order that has nothing to do with theirs, and by a worker that remembers nothing.
  const life = await stopWorker(three);
  expect(await loadLate(two)).toEqual(all('two'));
  expect(await loadLate(page)).toEqual(all('one'));
  expect(await loadLate(three)).toEqual(all('three'));
  const status = await statusOf(three);
  expect(status.life).not.toBe(life);
  expect(status.releases.map(({ id, state }) => [id.split('-')[0], state])).toEqual([
    ['3', 'active'],
    ['1', 'pinned'],
    ['2', 'pinned'],
  ]);
  expect((await statusOf(page)).pinned).toMatch(/^1-/);
  expect((await statusOf(two)).pinned).toMatch(/^2-/);
  expect(await violationsOf(page)).toEqual([]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  // The next navigation gets the active release.
  await two.reload();
  expect(await loadLate(two)).toEqual(all('three'));
});

test('C14 a page whose pin was lost stays on the release that answers it next, when another one is active and in later lives', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases();
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('pins', 'readwrite');
        transaction.objectStore('pins').clear();
        transaction.onabort = () => reject(transaction.error);
        transaction.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    });
  });
  await stopWorker(page);
  const same = (tab: Page) => tab.evaluate(() => fetch('same.txt').then((response) => response.text()));
  expect(await same(page)).toBe('same one');
  await replace(site, await makeRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const two = await page.context().newPage();
  await two.goto(site.url);
  expect(await same(two)).toBe('same two');
  expect(await same(page)).toBe('same one');
  await stopWorker(two);
  expect(await loadLate(page)).toEqual(all('one'));
  expect(await loadLate(two)).toEqual(all('two'));
  expect((await statusOf(page)).pinned).toMatch(/^1-/);
});

test('C14 a release is kept for the last tab that is on it, and then no longer', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await replace(site, await makeRelease(folder, 'two'));
  await update(page);
  const two = await page.context().newPage();
  await two.goto(site.url);
  const states = async () => (await statusOf(two)).releases.map(({ state, clients }) => [state, clients]);
  expect(await states()).toEqual([
    ['active', 1],
    ['pinned', 1],
  ]);
  expect((await storedOfOthers(two, site)).length).toBeGreaterThan(5);
  await page.goto('about:blank');
  // A page counts as open for some seconds after its navigation, though it may have gone.
  await expect
    .poll(async () => {
      expect(await update(two)).toEqual({ outcome: 'current' });
      return (await states()).map(([state]) => state);
    })
    .toEqual(['active']);
  // At a look that finds nothing else its files go. What is left of it says what an older file was.
  expect(await update(two)).toEqual({ outcome: 'current' });
  expect(await storedOfOthers(two, site)).toEqual([]);
  expect((await storedBy(two)).versions).toEqual(['1', '2']);
  await replace(site, await makeRelease(folder, 'three'));
  expect(await update(two)).toMatchObject({ outcome: 'staged' });
  await two.reload();
  expect(await two.title()).toBe('three');
  await expect.poll(async () => (await storedBy(two)).versions).toEqual(['2', '3']);
});

test('C14 of a person with one tab the release before is gone when the tab has been loaded again', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await replace(site, await makeRelease(folder, 'two'));
  await update(page);
  expect((await statusOf(page)).releases).toMatchObject([{ state: 'active', clients: 1 }, { state: 'staged' }]);
  await page.reload();
  expect(await loadLate(page)).toEqual(all('two'));
  await expect
    .poll(async () => {
      expect(await update(page)).toEqual({ outcome: 'current' });
      return storedOfOthers(page, site);
    })
    .toEqual([]);
  expect((await storedBy(page)).versions).toEqual(['1', '2']);
  await site.server.goOffline();
  await stopWorker(page);
  await page.reload();
  expect(await loadLate(page)).toEqual(all('two'));
});

test('C14 a worker of a worker gets the files of its page’s release', async ({ page, publishSite, folder }) => {
  const make = async (name: string) => {
    const directory = await makeRelease(folder, name);
    await writeFile(
      join(directory, 'outer.js'),
      "const inner = new Worker('inner.js'); inner.onmessage = ({ data }) => postMessage(data); onmessage = () => inner.postMessage('');",
    );
    await writeFile(join(directory, 'inner.js'), "onmessage = async () => postMessage(await (await fetch('same.txt')).text());");
    await writeFile(join(directory, 'frame.html'), '<!doctype html><title>frame</title><script src="frame.js"></script>');
    await writeFile(join(directory, 'frame.js'), `document.title = 'frame ${name}';`);
    return directory;
  };
  const site = await publishSite(await make('one'));
  await openApp(page, site.url);
  await site.publish(await make('two'));
  await update(page);
  const two = await page.context().newPage();
  await two.goto(site.url);
  const late = (tab: Page) =>
    tab.evaluate(async () => {
      const worker = new Worker('outer.js');
      const said = new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
      worker.postMessage('');
      const frame = document.createElement('iframe');
      frame.src = 'frame.html';
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
      document.body.append(frame);
      await loaded;
      return [await said, frame.contentDocument?.title];
    });
  expect(await late(two)).toEqual(['same two', 'frame two']);
  // The browser does not say which of two tabs with the same address a frame belongs to; a worker's worker it does, or its address does.
  expect((await late(page))[0]).toBe('same one');
});

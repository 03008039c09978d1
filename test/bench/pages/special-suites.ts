import { randomFillSync } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import type { App } from './apps.js';
import { installWhole, readRange, readWhole } from './in-page.js';
import { inTurn, type Setting, withContestants } from './load-suite.js';
import { type Peer, vouchsafe, withoutWorker } from './peers.js';
import { settle, watchPeak } from './processes.js';
import { BLANK } from './site-server.js';

const PAGE = '<!doctype html><title>Small</title><link rel="icon" href="data:,"><p>Small</p>\n';
const MEDIA_BYTES = 200 * 2 ** 20;
/** Ranges that are read in each round. */
const RANGES = 10;

/** The least that a worker can do: it answers with a page that stands in its script. */
export const TRIVIAL = 'trivial worker';

const trivial: Peer = {
  name: TRIVIAL,
  caching: 'no-cache',
  prepare() {
    const script = `const page = ${JSON.stringify(PAGE)};
self.addEventListener('install', (event) => {
  self.skipWaiting();
  const route = { condition: { urlPattern: new URLPattern({ pathname: '/*' }) }, source: 'fetch-event' };
  event.waitUntil(Promise.resolve(event.addRoutes?.(route)));
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => event.respondWith(new Response(page, { headers: { 'content-type': 'text/html' } })));
`;
    const files = new Map([['sw.js', Buffer.from(script)]]);
    return Promise.resolve({
      release: () => Promise.resolve(files),
      install: (tab) => tab.run(installWhole, '/sw.js'),
      own: /^sw\.js$/,
    });
  },
};

/** The scripts of all peers that run in a worker. */
const WORKER_SCRIPT = /^(sw|workbox-\w+|ngsw-worker|vouchsafe-worker)\.js$/;

/**
 * Measures what a browser downloads to have a worker, for an app of one file.
 *
 * @param peers who takes part; those without a worker are left out
 */
export async function measureSizes(peers: readonly Peer[], { work, samples }: Setting): Promise<void> {
  const folder = join(work, 'one-file');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), PAGE);
  for (const [index, peer] of peers.entries()) {
    const delivery = await peer.prepare({ name: 'sizes', words: '', folder, whole: '' }, join(work, `sizes-${index}`));
    if (!delivery.install) continue;
    const scripts = [...(await delivery.release(1))].filter(([path]) => WORKER_SCRIPT.test(path));
    const bytes = scripts.reduce((sum, [, script]) => sum + brotliCompressSync(script).length, 0);
    samples.add(['sizes', '', 'worker, with all that it imports', 'bytes, brotli', peer.name], bytes);
  }
}

/**
 * Measures how long a stopped worker takes to answer a navigation, with releases of so many targets, against a trivial worker.
 *
 * @param targets how many files the release lists. All but the page are only downloaded on demand
 */
export async function measureColdStart(targets: number, setting: Setting): Promise<void> {
  const { work, rounds, samples, progress } = setting;
  const folder = join(work, `targets-${targets}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), PAGE);
  for (let i = 1; i < targets; i++) {
    const directory = join(folder, `data/${Math.floor(i / 500)}`);
    if (i % 500 === 0 || i === 1) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${i}.txt`), `${i}\n`);
  }
  const app: App = { name: `cold-${targets}`, words: '', folder, whole: 'document.title === "Small"' };
  const peers = [trivial, vouchsafe({ files: [{ path: 'data/**', keep: 'on-demand' }] })];
  await withContestants(app, peers, setting, async (contestants) => {
    for (const { delivery, server, visitor } of contestants) {
      await visitor.start();
      await visitor.inTab(async (tab) => {
        await tab.go(server.url + BLANK);
        await delivery.install?.(tab);
      });
    }
    for (let round = -1; round < rounds; round++) {
      for (const { peer, server, visitor } of inTurn(contestants, round + 1)) {
        const load = await visitor.load(server.url, app.whole, true);
        if (load.workerStart === 0) throw new Error(`${peer.name}: no worker answered.`);
        // The first one fills what the engine keeps of scripts.
        if (round < 0) continue;
        const key = (measure: string) => ['cold-start', '', `${targets} targets`, measure, peer.name];
        samples.add(key('first byte'), load.firstByte);
        samples.add(key('worker CPU'), load.spent.worker);
        samples.add(key('memory'), load.memory.all);
      }
    }
    progress(`  ${targets} targets`);
  });
}

/**
 * Measures reading from large files: ranges and the whole of 200 MB, and the whole of a WebAssembly file.
 *
 * @param wasm that file
 */
export async function measureMedia(wasm: string, setting: Setting): Promise<void> {
  const { work, rounds, samples, progress } = setting;
  const folder = join(work, 'media');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), PAGE);
  writeFileSync(join(folder, 'media.bin'), randomFillSync(Buffer.alloc(MEDIA_BYTES)));
  cpSync(wasm, join(folder, 'large.wasm'));
  const app: App = { name: 'media', words: '', folder, whole: 'document.title === "Small"' };
  const peers = [vouchsafe(), withoutWorker('no worker, no-store', 'no-store')];
  await withContestants(app, peers, setting, async (contestants) => {
    for (const { delivery, server, visitor } of contestants) {
      await visitor.start();
      await visitor.inTab(async (tab) => {
        await tab.go(server.url + BLANK);
        await delivery.install?.(tab);
      });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { peer, server, visitor } of inTurn(contestants, round)) {
        await visitor.inTab(async (tab) => {
          const { pid } = visitor.browser;
          await tab.go(server.url);
          const key = (action: string, measure: string) => ['media', '', action, measure, peer.name];
          for (let i = 0; i < RANGES; i++) {
            await settle(pid);
            const start = Math.floor((MEDIA_BYTES - 2 ** 20) * ((i * RANGES + round * 7 + 3) % 97)) / 97;
            const { firstByte, all } = await tab.run(readRange, '/media.bin', Math.floor(start), 2 ** 16);
            samples.add(key('a range of 64 KiB of 200 MiB', 'first byte'), firstByte);
            samples.add(key('a range of 64 KiB of 200 MiB', 'time'), all);
          }
          for (const [action, url] of [
            ['all of 200 MiB', '/media.bin'],
            ['all of 39 MB of WebAssembly', '/large.wasm'],
          ] as const) {
            await settle(pid);
            const peak = watchPeak(pid);
            const { firstByte, all } = await tab.run(readWhole, url);
            samples.add(key(action, 'first byte'), firstByte);
            samples.add(key(action, 'time'), all);
            samples.add(key(action, 'peak memory of renderers'), peak());
          }
        });
      }
      progress(`  round ${round + 1} of ${rounds}`);
    }
  });
}

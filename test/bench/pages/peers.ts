import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { build } from 'vite';
import { init } from '../../../src/node/init.js';
import { type PublishOptions, publish } from '../../../src/node/publish.js';
import type { App } from './apps.js';
import type { Tab } from './chromium.js';
import { installNgsw, installVouchsafe, installWhole, updateNgsw, updateVouchsafe, updateWhole } from './in-page.js';
import { type Caching, type Folder, readFolder } from './site-server.js';

/** One way to deliver an app. */
export interface Peer {
  readonly name: string;
  readonly caching: Caching;
  /**
   * @param app the app
   * @param work an empty folder
   * @returns the app as this peer delivers it
   */
  prepare(app: App, work: string): Promise<Delivery>;
}

/** An app as one peer delivers it. */
export interface Delivery {
  /** The site's files. @param number 1 for the first release, then the app's two contents by turns */
  release(number: number): Promise<Folder>;
  /** Stores all of it in the browser, from an empty page. @returns milliseconds */
  install?(tab: Tab): Promise<number>;
  /** Stores the next release, from an open page of the app. @returns milliseconds, and whether there was one */
  update?(tab: Tab): Promise<{ ms: number; isNew: boolean }>;
  /**
   * Which paths the server may be asked for while an installed app loads: what keeps a worker up to date, and the page, which Chromium asks for
   * beside a worker that it has to start, unless the worker has switched that off. Without a worker, all.
   */
  readonly own: RegExp;
}

export const OURS = 'Vouchsafe';
/** What all others are compared with. */
export const REFERENCE = 'Workbox';

/** What all but ours and the reference are called. */
export const PEER_NAMES = ['no worker, HTTP cache', 'no worker, no-store', 'pass-through worker', 'ngsw', 'Serwist'];

const PEERS_FOLDER = 'test/bench/peers';

/**
 * Installs the peers' packages, apart from ours, unless they are there.
 *
 * @param progress told when it does
 * @returns the folder that they are installed in
 */
export function installPeers(progress: (text: string) => void): string {
  const lock = readFileSync(join(PEERS_FOLDER, 'package-lock.json'));
  const folder = resolve('node_modules/.cache/bench-peers', createHash('sha256').update(lock).digest('hex').slice(0, 16));
  const done = join(folder, 'installed');
  if (!existsSync(done)) {
    progress('installing the peers');
    cpSync(PEERS_FOLDER, folder, { recursive: true });
    execFileSync('npm', ['ci', '--silent'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    writeFileSync(done, '');
  }
  return folder;
}

/** @returns each of the peers' packages with its version */
export function peerVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(PEERS_FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

/**
 * @param packages the folder of `installPeers`
 * @returns all peers, ours and the reference among them
 */
export function peers(packages: string): Peer[] {
  const load = createRequire(join(packages, 'package.json'));
  return [
    workbox(load),
    vouchsafe(),
    withoutWorker('no worker, HTTP cache', 'immutable'),
    withoutWorker('no worker, no-store', 'no-store'),
    passThrough(),
    ngsw(packages),
    serwist(packages, load),
  ];
}

/** Builds both contents of an app once, each in a folder of its own, and serves them by turns. */
async function byTurns(app: App, work: string, finish: (folder: string) => Promise<void>): Promise<Delivery['release']> {
  const contents: Folder[] = [];
  for (const [index, source] of [app.folder, app.next].entries()) {
    if (source === undefined) continue;
    const folder = join(work, String(index));
    cpSync(source, folder, { recursive: true });
    await finish(folder);
    contents.push(readFolder(folder));
  }
  return (number) => {
    const content = contents[(number - 1) % contents.length];
    return content ? Promise.resolve(content) : Promise.reject(new Error('The app has no files.'));
  };
}

function workbox(load: NodeJS.Require): Peer {
  return {
    name: REFERENCE,
    caching: 'no-cache',
    async prepare(app, work) {
      const { generateSW } = load('workbox-build') as { generateSW(options: object): Promise<unknown> };
      const release = await byTurns(app, work, async (folder) => {
        await generateSW({
          globDirectory: folder,
          globPatterns: ['**/*'],
          swDest: join(folder, 'sw.js'),
          maximumFileSizeToCacheInBytes: 2 ** 30,
          skipWaiting: true,
          clientsClaim: true,
          cleanupOutdatedCaches: true,
          sourcemap: false,
        });
      });
      return {
        release,
        install: (tab) => tab.run(installWhole, '/sw.js'),
        update: (tab) => tab.run(updateWhole),
        own: /^$|^(sw|workbox-\w+)\.js$/,
      };
    },
  };
}

/**
 * Ours, as `vouchsafe publish` makes it.
 *
 * @param options what is not the default
 */
export function vouchsafe(options: Partial<PublishOptions> = {}): Peer {
  return {
    name: OURS,
    caching: 'no-cache',
    async prepare(app, work) {
      const project = join(work, 'project');
      const out = join(work, 'out');
      await init({ project });
      const releases: Folder[] = [];
      const publishNext = async () => {
        const directory = releases.length % 2 === 0 ? app.folder : (app.next ?? app.folder);
        await publish({ ...options, directory, out, project, bundles: resolve('dist/bundles') });
        releases.push(readFolder(out));
      };
      return {
        async release(number) {
          while (releases.length < number) await publishNext();
          return releases[number - 1] as Folder;
        },
        install: (tab) => tab.run(installVouchsafe),
        update: (tab) => tab.run(updateVouchsafe),
        own: /^vouchsafe(\/metadata\/|-worker\.js$)/,
      };
    },
  };
}

/** @param caching what the browser's HTTP cache may keep */
export function withoutWorker(name: string, caching: Caching): Peer {
  return {
    name,
    caching,
    prepare: async (app, work) => ({ release: await byTurns(app, work, async () => {}), own: /(?:)/ }),
  };
}

/** Stores everything in Cache Storage and answers from there, whatever is there. */
function passThrough(): Peer {
  return {
    name: 'pass-through worker',
    caching: 'no-cache',
    async prepare(app, work) {
      const release = await byTurns(app, work, async (folder) => {
        const urls = [...readFolder(folder).keys()].map((path) => (path === 'index.html' ? '/' : `/${path}`));
        writeFileSync(join(folder, 'sw.js'), passThroughScript(urls));
      });
      return { release, install: (tab) => tab.run(installWhole, '/sw.js'), own: /^$|^sw\.js$/ };
    },
  };
}

function passThroughScript(urls: readonly string[]): string {
  return `const urls = ${JSON.stringify(urls)};
const store = async () => (await caches.open('app')).addAll(urls);
const answer = async (request) => (await (await caches.open('app')).match(request)) ?? fetch(request);
self.addEventListener('install', (event) => { self.skipWaiting(); event.waitUntil(store()); });
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
`;
}

function ngsw(packages: string): Peer {
  const folderOf = join(packages, 'node_modules/@angular/service-worker');
  return {
    name: 'ngsw',
    caching: 'no-cache',
    async prepare(app, work) {
      mkdirSync(work, { recursive: true });
      const config = join(work, 'ngsw-config.json');
      const assets = { name: 'app', installMode: 'prefetch', updateMode: 'prefetch', resources: { files: ['/**'] } };
      writeFileSync(config, JSON.stringify({ index: '/index.html', assetGroups: [assets] }));
      let files = 0;
      const release = await byTurns(app, work, async (folder) => {
        files = readFolder(folder).size;
        // It takes both paths from the folder that it is started in.
        const given = [join(folderOf, 'ngsw-config.js'), basename(folder), basename(config)];
        execFileSync(process.execPath, given, { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
        cpSync(join(folderOf, 'ngsw-worker.js'), join(folder, 'ngsw-worker.js'));
      });
      return {
        release,
        install: (tab) => tab.run(installNgsw, files),
        update: (tab) => tab.run(updateNgsw),
        own: /^$|^ngsw(\.json|-worker\.js)$/,
      };
    },
  };
}

function serwist(packages: string, load: NodeJS.Require): Peer {
  return {
    name: 'Serwist',
    caching: 'no-cache',
    async prepare(app, work) {
      const { injectManifest } = (await import(load.resolve('@serwist/build'))) as {
        injectManifest(options: object): Promise<unknown>;
      };
      const source = join(packages, 'serwist-worker.js');
      writeFileSync(source, SERWIST_SOURCE);
      await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        define: { 'process.env.NODE_ENV': '"production"' },
        build: {
          outDir: join(work, 'worker'),
          emptyOutDir: true,
          target: 'es2022',
          lib: { entry: source, formats: ['iife'], name: 'worker', fileName: () => 'sw.js' },
        },
      });
      const release = await byTurns(app, work, async (folder) => {
        await injectManifest({
          swSrc: join(work, 'worker/sw.js'),
          swDest: join(folder, 'sw.js'),
          globDirectory: folder,
          globPatterns: ['**/*'],
          maximumFileSizeToCacheInBytes: 2 ** 30,
        });
      });
      return {
        release,
        install: (tab) => tab.run(installWhole, '/sw.js'),
        update: (tab) => tab.run(updateWhole),
        own: /^$|^sw\.js$/,
      };
    },
  };
}

const SERWIST_SOURCE = `import { Serwist } from 'serwist';
new Serwist({
  precacheEntries: self.__SW_MANIFEST,
  precacheOptions: { cleanupOutdatedCaches: true },
  skipWaiting: true,
  clientsClaim: true,
  navigationPreload: false,
}).addEventListeners();
`;

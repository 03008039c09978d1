import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, test as base, expect } from '@playwright/test';
import { HostileServer, type HostileServerOptions } from '../../dist/demo/hostile-server.js';
import { type InitOptions, init } from '../../dist/node/init.js';
import { type PublishOptions, publish } from '../../dist/node/publish.js';

/** A signed app on a server of its own, on an origin of its own. */
export interface Site {
  readonly server: HostileServer;
  /** The published directory. */
  readonly out: string;
  /** The project folder: keys and root. */
  readonly project: string;
  /** Where the app is. */
  readonly url: string;
  /** Publishes this folder as the next release, with the options of the first. */
  publish(directory: string, more?: Partial<PublishOptions>): Promise<void>;
}

/** How a site is published and served. */
export interface SiteOptions
  extends Partial<Omit<PublishOptions, 'directory' | 'out' | 'project'>>,
    Pick<HostileServerOptions, 'api'>,
    Pick<InitOptions, 'roles' | 'rootExpiry'> {}

/** A browser with a profile on disk, which a restart keeps. */
export interface Profile {
  /** The running browser's only context. */
  readonly context: BrowserContext;
  /** Closes the browser and starts it again with the same profile. */
  restart(): Promise<BrowserContext>;
  /** Kills the browser (`SIGKILL`), as a crash or an empty battery would, and starts it again with the same profile. */
  kill(): Promise<BrowserContext>;
}

/** What a test can ask for. */
export interface Fixtures {
  /** A folder of this test's own, removed afterwards. */
  readonly folder: string;
  /** Serves a published directory. */
  readonly serve: (out: string, options?: HostileServerOptions) => Promise<HostileServer>;
  /** Publishes a folder and serves it. */
  readonly publishSite: (directory: string, options?: SiteOptions) => Promise<Site>;
  /** A browser with a profile on disk; the fixtures `context` and `page` share a browser and keep nothing. */
  readonly profile: Profile;
}

export { targetFile } from '../../dist/demo/target-file.js';
export { expect };

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures a function needs from its first parameter's pattern.
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-test-'));
    await use(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  },

  // biome-ignore lint/correctness/noEmptyPattern: see above.
  serve: async ({}, use) => {
    const servers: HostileServer[] = [];
    await use(async (out, options) => {
      const server = await HostileServer.start(out, options);
      servers.push(server);
      return server;
    });
    await Promise.all(servers.map((server) => server.close()));
  },

  publishSite: async ({ folder, serve }, use) => {
    let sites = 0;
    await use(async (directory, { api, roles, rootExpiry, ...options } = {}) => {
      const project = join(folder, `project-${sites}`);
      const out = join(folder, `out-${sites}`);
      sites += 1;
      const publishNext: Site['publish'] = async (next, more) => {
        // A test that publishes and reloads sees the next release at once.
        await publish({ lookSeconds: 0, ...options, ...more, directory: next, out, project });
      };
      await init({ project, roles, rootExpiry });
      await publishNext(directory);
      const server = await serve(out, { base: options.base ?? '/', ...(api === undefined ? {} : { api }) });
      return { server, out, project, url: server.url, publish: publishNext };
    });
  },

  profile: async ({ folder, playwright, browserName }, use, testInfo) => {
    const { channel, launchOptions } = testInfo.project.use;
    const directory = join(folder, 'profile');
    const launch = (): Promise<BrowserContext> =>
      playwright[browserName].launchPersistentContext(directory, {
        ...launchOptions,
        ...(channel === undefined ? {} : { channel }),
      });
    let context = await launch();
    await use({
      get context() {
        return context;
      },
      restart: async () => {
        await context.close();
        context = await launch();
        return context;
      },
      kill: async () => {
        const closed = context.waitForEvent('close');
        killBrowserOf(directory);
        await closed;
        context = await launch();
        return context;
      },
    });
    await context.close();
  },
});

/** Playwright does not say which process a browser with a profile is. Its parts, which have the profile in their arguments too, go as well. */
function killBrowserOf(profile: string): void {
  const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const pids = list.split('\n').flatMap((line) => (line.includes(profile) ? [Number.parseInt(line, 10)] : []));
  if (pids.length === 0) throw new Error(`No browser runs with the profile ${profile}.`);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended with another one.
    }
  }
}

/**
 * What the server was asked for beyond what the loader and the worker ask for: requests that went past the worker.
 *
 * @param site the site
 * @param since how many of the first requests to leave out
 * @returns URL paths
 */
export function requestsPastTheWorker({ server }: Pick<Site, 'server'>, since = 0): string[] {
  const own = ['vouchsafe/metadata/', 'vouchsafe/targets/', 'vouchsafe-worker.js', 'vouchsafe-loader.js'].map(
    (name) => server.base + name,
  );
  return server.paths(since).filter((path) => !own.some((prefix) => path.startsWith(prefix)));
}

/**
 * From now on the server has a page, script or style sheet of the attacker's for every URL whose path starts with `/evil`.
 *
 * @param site the site
 */
export function plantEvil({ server }: Site): void {
  server.lie({ match: /^\/evil/, body: 'globalThis.evil = 1; globalThis.postMessage?.("evil")', type: 'text/javascript' });
  server.lie({ match: /^\/evil.*html$/, body: '<title>evil</title><script>parent.evil = 1</script>', type: 'text/html' });
  server.lie({ match: /^\/evil.*css$/, body: ':root { --evil: yes }', type: 'text/css' });
}

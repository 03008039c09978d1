import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { App } from './apps.js';
import type { Delivery, Peer } from './peers.js';
import { settle } from './processes.js';
import { BLANK, type Network, SiteServer } from './site-server.js';
import type { Samples } from './statistics.js';
import { type Load, Visitor } from './visitor.js';

/** What all suites need. */
export interface Setting {
  /** Path of Chromium. */
  readonly executable: string;
  /** Where the peers' packages are installed; installs them, the first time. */
  readonly packages: () => string;
  /** An empty folder. */
  readonly work: string;
  readonly rounds: number;
  /** The ways to the server to measure with; undefined is this machine's own. */
  readonly networks: readonly (Network | undefined)[];
  /** Whether to do the least that shows that everything works. */
  readonly quick: boolean;
  readonly samples: Samples;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
}

/** A peer with its own origin and its own browser profile. */
export interface Contestant {
  readonly peer: Peer;
  readonly delivery: Delivery;
  readonly server: SiteServer;
  readonly visitor: Visitor;
}

/** Prepares an app for each peer, and ends the servers and browsers afterwards. */
export async function withContestants(
  app: App,
  peers: readonly Peer[],
  { executable, work, progress }: Setting,
  action: (contestants: readonly Contestant[]) => Promise<void>,
): Promise<void> {
  const contestants: Contestant[] = [];
  try {
    for (const [index, peer] of peers.entries()) {
      progress(`  preparing ${peer.name}`);
      const folder = join(work, `${app.name}-${index}`);
      const delivery = await peer.prepare(app, folder);
      const server = await SiteServer.start(await delivery.release(1), peer.caching);
      const visitor = new Visitor(executable, join(folder, 'profile'));
      contestants.push({ peer, delivery, server, visitor });
    }
    await action(contestants);
  } finally {
    for (const { visitor, server } of contestants) {
      await visitor.stop();
      await server.close();
    }
  }
}

/** Other peers first each time. */
export function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const from = round % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

/**
 * Measures page loads of an installed app.
 *
 * @param app the app
 * @param peers who takes part
 * @param setting where and how often
 */
export async function measureLoads(app: App, peers: readonly Peer[], setting: Setting): Promise<void> {
  const { rounds, networks, quick, samples, progress } = setting;
  await withContestants(app, peers, setting, async (contestants) => {
    for (const { peer, delivery, server, visitor } of contestants) {
      progress(`  installing ${peer.name}`);
      await visitor.start();
      await visitor.inTab(async (tab) => {
        await tab.go(server.url + BLANK);
        await delivery.install?.(tab);
      });
      // Engines keep compiled code after some visits.
      for (let visit = 0; visit < (quick ? 1 : 3); visit++) {
        await visitor.load(server.url, app.whole);
        await visitor.stop();
        await visitor.start();
      }
      await visitor.stop();
    }
    for (let round = 0; round < rounds; round++) {
      for (const network of networks) {
        for (const contestant of inTurn(contestants, round)) {
          const { peer, server, visitor } = contestant;
          server.network = network;
          const add = (state: string, load: Load) => {
            const key = (measure: string) => [app.name, network?.name ?? '', state, measure, peer.name];
            samples.add(key('first byte'), load.firstByte);
            samples.add(key('loaded'), Math.max(load.loaded, load.ready ?? 0));
            samples.add(key('main-thread CPU'), load.spent.main);
            samples.add(key('worker CPU'), load.spent.worker);
            samples.add(key('all CPU'), load.spent.all);
            samples.add(key('memory'), load.memory.all);
          };
          await visitor.start();
          add('browser restarted', await checkedLoad(app, contestant, false));
          add('worker running', await checkedLoad(app, contestant, false));
          add('worker stopped', await checkedLoad(app, contestant, true));
          await visitor.stop();
        }
      }
      progress(`  round ${round + 1} of ${rounds}`);
    }
  });
}

/** A load that is what it says: answered by the worker, if there is one, without the server. */
async function checkedLoad(app: App, { peer, delivery, server, visitor }: Contestant, stopWorkers: boolean): Promise<Load> {
  server.reset();
  const load = await visitor.load(server.url, app.whole, stopWorkers);
  const past = server.paths.filter((path) => !delivery.own.test(path));
  if (past.length > 0) throw new Error(`${peer.name}: ${past.length} requests went past the worker, such as ${past[0]}.`);
  if (delivery.install !== undefined && load.workerStart === 0) throw new Error(`${peer.name}: no worker answered.`);
  return load;
}

/**
 * Measures first installs and updates.
 *
 * @param app an app with a next release
 * @param peers who takes part; those that store nothing are left out
 * @param setting where and how often
 */
export async function measureInstalls(app: App, peers: readonly Peer[], setting: Setting): Promise<void> {
  const { executable, work, rounds, networks, samples, progress } = setting;
  const installing = peers.filter(({ name }) => !name.startsWith('no worker'));
  await withContestants(app, installing, setting, async (contestants) => {
    for (let round = 0; round < rounds; round++) {
      for (const network of networks) {
        for (const { peer, delivery, server } of inTurn(contestants, round)) {
          const { install, update } = delivery;
          const key = (...rest: string[]) => [app.name, network?.name ?? '', ...rest, peer.name];
          server.network = network;
          // Made now, with nobody to measure meanwhile.
          const [first, next] = [await delivery.release(2 * round + 1), await delivery.release(2 * round + 2)];
          (await server.prepare(first))();
          const serveNext = await server.prepare(next);
          const profile = mkdtempSync(join(work, 'profile-'));
          const visitor = new Visitor(executable, profile);
          await visitor.start();
          try {
            await visitor.inTab(async (tab) => {
              await tab.go(server.url + BLANK);
              await settle(visitor.browser.pid);
              server.reset();
              const ms = await install?.(tab);
              if (ms !== undefined) samples.add(key('first install', 'time'), ms);
              await settle(visitor.browser.pid);
              samples.add(key('first install', 'bytes'), server.bytes);
            });
            if (update) await measureUpdate(app, key, { server, visitor }, update, serveNext, samples);
          } finally {
            await visitor.stop();
            rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
          }
        }
      }
      progress(`  round ${round + 1} of ${rounds}`);
    }
  });
}

/** An update, then a look for another one when there is none. */
async function measureUpdate(
  app: App,
  key: (...rest: string[]) => string[],
  { server, visitor }: Pick<Contestant, 'server' | 'visitor'>,
  update: NonNullable<Delivery['update']>,
  serveNext: () => void,
  samples: Samples,
): Promise<void> {
  await visitor.load(server.url, app.whole);
  const before = await visitor.inTab(async (tab) => {
    await tab.go(server.url);
    const release = await tab.evaluate(app.release ?? 'undefined');
    await settle(visitor.browser.pid);
    serveNext();
    server.reset();
    const { ms, isNew } = await update(tab);
    if (!isNew) throw new Error('The next release was not found.');
    samples.add(key('update', 'time'), ms);
    await settle(visitor.browser.pid);
    samples.add(key('update', 'bytes'), server.bytes);
    samples.add(key('update', 'bytes beyond the changed files'), server.bytes - (app.changed?.bytes ?? 0));
    return release;
  });
  await visitor.inTab(async (tab) => {
    await tab.go(server.url);
    if ((await tab.evaluate(app.whole)) !== true) throw new Error('The updated app is not whole.');
    if ((await tab.evaluate(app.release ?? 'undefined')) === before) throw new Error('The updated app is the old one.');
    await settle(visitor.browser.pid);
    server.reset();
    const { ms, isNew } = await update(tab);
    if (isNew) throw new Error('There is no release after the next.');
    samples.add(key('nothing new', 'time'), ms);
    await settle(visitor.browser.pid);
    samples.add(key('nothing new', 'bytes'), server.bytes);
  });
}

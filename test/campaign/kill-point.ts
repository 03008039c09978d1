import type { CDPSession, Page } from '@playwright/test';
import type { Violation } from '../../src/messages/messages.js';
import type { ErrorCode } from '../../src/tuf/errors.js';
import { expect, type Profile, type Site, type SiteOptions } from '../browser/fixtures.js';
import { openApp, statusOf, stopWorker, update, wipeStoredFiles } from '../browser/page-actions.js';
import { BYTES, CHUNK_FROM, damageStoredFiles, expectWhole, makeCampaignRelease, type Releases, storedBy } from './app.js';
import { type Kind, type Moment, type Phase, type Point, REQUESTS } from './plan.js';

/** The fixtures that a kill needs. */
export interface Fixtures {
  readonly profile: Profile;
  readonly folder: string;
  readonly publishSite: (directory: string, options?: SiteOptions) => Promise<Site>;
}

/** An app in a browser, in the state in which the phase can begin. */
interface Scene extends Fixtures {
  readonly site: Site;
  readonly page: Page;
  readonly releases: Releases;
}

/**
 * What the database may hold after a few updates, in releases: the active one, the one before, and the one of the page that was killed a moment ago,
 * which still counts as open.
 */
const RELEASES_STORED = 3;

/** Milliseconds in which a moment comes, or does not. */
const COMES_WITHIN = 20_000;
/** How long (milliseconds) half of an answer takes to get from the server's disk to the browser, amply. */
const HALF_WITHIN = 50;
/** How long (milliseconds) a server that dropped is away. */
const AWAY = 300;
/** Milliseconds without a request, after which a phase is over. */
const QUIET = 4_000;

/**
 * What the worker may have recorded: what was damaged, and what a page asked for and nobody had. That an update finds no server is no
 * violation, nor that it breaks off.
 */
const EXPECTED: Readonly<Record<Phase, readonly `${ErrorCode} during ${Violation['during']}`[]>> = {
  install: [],
  staging: [],
  navigation: [],
  activate: [],
  immediate: [],
  healing: ['unreachable during request'],
  // The release's own manifest is damaged too, and nobody may be there to ask for it.
  damage: ['unreachable during request', 'mismatch during storage', 'unreachable during storage'],
};

/** The browser asks for an icon when it likes. */
const counts = (path: string): boolean => path !== '/favicon.ico';

async function prepare(phase: Phase, fixtures: Fixtures): Promise<Scene> {
  const { profile, folder, publishSite } = fixtures;
  const releases: Releases = new Map();
  const one = await makeCampaignRelease(folder, 'one', releases);
  const site = await publishSite(one, { chunkFrom: CHUNK_FROM, ...(phase === 'immediate' && { activation: 'immediate' }) });
  const page = await profile.context.newPage();
  const scene = { ...fixtures, site, page, releases };
  if (phase === 'install') return scene;
  await openApp(page, site.url);
  // The look that the navigation began is over, and nothing of it is counted.
  await update(page);
  if (phase === 'healing' || phase === 'damage') {
    if (phase === 'healing') await wipeStoredFiles(page);
    else {
      await damageStoredFiles(page);
      await stopWorker(page);
    }
    return scene;
  }
  await site.publish(await makeCampaignRelease(folder, 'two', releases));
  if (phase === 'navigation' || phase === 'activate') expect(await update(page)).toMatchObject({ outcome: 'staged' });
  return scene;
}

/** Begins the phase and does not wait for its end. */
async function begin(phase: Phase, { page, site }: Scene): Promise<void> {
  if (phase === 'staging' || phase === 'immediate' || phase === 'activate') {
    await page.evaluate(
      (request) => navigator.serviceWorker.controller?.postMessage({ vouchsafe: request }, [new MessageChannel().port2]),
      phase === 'activate' ? 'activate' : 'update',
    );
  } else if (phase === 'install') void page.goto(site.url, { waitUntil: 'commit' }).catch(() => {});
  // A page that is killed while it loads rejects what waits for it.
  else void page.reload({ waitUntil: 'commit' }).catch(() => {});
}

/**
 * Makes ready for the moment of the kill, before the phase begins.
 *
 * @returns settles when it has come
 */
function momentIn(phase: Phase, moment: Moment, { server }: Site): Promise<unknown> {
  if ('since' in moment && moment.since === 'beginning') return Promise.resolve();
  const wanted = 'request' in moment ? moment.request : REQUESTS[phase];
  let seen = 0;
  const isWanted = (path: string): boolean => counts(path) && ++seen === wanted;
  if (!('request' in moment) || moment.at === 'after') return server.nextAnswer(({ path }) => isWanted(path));
  let isHere = false;
  const match = (path: string): boolean => {
    // Asked once for each request, and before those who wait for it.
    isHere = isWanted(path);
    return isHere;
  };
  server.lie({ match, ...(moment.at === 'before' ? { hold: true } : { stall: 0.5 }) });
  const asked = server.nextRequest(() => isHere);
  return moment.at === 'before' ? asked : asked.then(() => after(HALF_WITHIN));
}

/** @returns the page to open the app in: a new one, of the same profile */
async function kill(kind: Kind, { profile, site, page }: Scene, devtools: CDPSession | undefined): Promise<Page> {
  if (kind === 'server' || kind === 'both') await site.server.goOffline();
  if (kind === 'worker' || kind === 'both') await devtools?.send('ServiceWorker.stopAllWorkers');
  if (kind === 'browser') return (await profile.kill()).newPage();
  const again = await profile.context.newPage();
  // Of a page that is closed between its answer and its first paint Chromium does not always say that it is. Nothing here needs to know.
  void page.close().catch(() => {});
  return again;
}

/**
 * Kills at one point, opens the app again and expects it to be whole, then brings the next release and expects the same of it.
 *
 * @param point when, and what
 * @param fixtures of the test
 * @returns whether the moment came; when it did not, nothing was killed, and nothing is shown
 */
export async function killAt(point: Point, fixtures: Fixtures): Promise<boolean> {
  const { phase, kind, moment } = point;
  const scene = await prepare(phase, fixtures);
  const { site, releases, folder } = scene;
  const killsWorker = kind === 'worker' || kind === 'both';
  const devtools = killsWorker ? await scene.page.context().newCDPSession(scene.page) : undefined;
  await devtools?.send('ServiceWorker.enable');

  const reached = momentIn(phase, moment, site).then(() => true);
  await begin(phase, scene);
  if (!(await Promise.race([reached, after(COMES_WITHIN).then(() => false)]))) return false;
  if ('since' in moment) await after(moment.milliseconds);
  const page = await kill(kind, scene, devtools);

  if (point.isOffline) {
    await site.server.goOffline();
    site.server.honest();
    await openApp(page, site.url);
    expect(['one', 'two']).toContain(await expectWhole(page, releases));
  } else {
    // For a while nobody is there.
    if (kind === 'server' || kind === 'both') await after(AWAY);
    site.server.honest();
  }
  await site.server.goOnline();
  await openApp(page, site.url);
  expect(['one', 'two']).toContain(await expectWhole(page, releases));
  // A worker that is killed between its activation and its claim leaves the first page as it came: past the worker.
  const isExpected = ({ code, during }: Violation) =>
    EXPECTED[phase].includes(`${code} during ${during}`) || (killsWorker && phase === 'install' && code === 'uncontrolled');
  const found = (await statusOf(page)).violations.filter((violation) => !isExpected(violation));
  expect(found).toEqual([]);

  const { next } = point;
  if (!releases.has(next)) await site.publish(await makeCampaignRelease(folder, next, releases));
  await expect.poll(async () => (await update(page)).outcome).not.toBe('failed');
  await page.reload();
  expect(await expectWhole(page, releases)).toBe(next);
  // An update that finds nothing new tidies up, too, but for what pages that count as open are on.
  await page.reload();
  expect(await update(page)).toEqual({ outcome: 'current' });
  const stored = await storedBy(page);
  expect(stored.packs).toEqual(stored.indexes);
  expect(stored.releases).toBeLessThanOrEqual(RELEASES_STORED);
  // And what shares a pack with them.
  expect(stored.bytes).toBeLessThanOrEqual((RELEASES_STORED + 1) * BYTES);
  return true;
}

/**
 * Lets a phase run without a kill.
 *
 * @param phase which
 * @param fixtures of the test
 * @returns how many requests it makes
 */
export async function requestsOf(phase: Phase, fixtures: Fixtures): Promise<string[]> {
  const scene = await prepare(phase, fixtures);
  const { server } = scene.site;
  const since = server.requests.length;
  await begin(phase, scene);
  for (let before = -1; before < server.requests.length; ) {
    before = server.requests.length;
    await after(QUIET);
  }
  return server.paths(since).filter(counts);
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

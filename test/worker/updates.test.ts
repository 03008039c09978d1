import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WorkerEvent } from '../../src/messages/messages.js';
import { Store } from '../../src/store/store.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { Refresher } from '../../src/tuf/refresher.js';
import { ChunkedFiles } from '../../src/worker/chunked-files.js';
import type { OpenClient } from '../../src/worker/pins.js';
import { ReleaseReader } from '../../src/worker/release-reader.js';
import { Releases } from '../../src/worker/releases.js';
import { ScriptCopies } from '../../src/worker/script-copies.js';
import { Updates } from '../../src/worker/updates.js';
import { VerifiedFiles } from '../../src/worker/verified-files.js';
import { ViolationLog } from '../../src/worker/violation-log.js';
import { RepositorySimulator, START } from '../repository-simulator.js';

// The orders of events that a browser test cannot force. The browser tests run the same class on real parts.
const scope = new URL('https://repository.test/');
const manifest = JSON.stringify({
  vouchsafe: 1,
  navigation: { index: 'index.html' },
  content_types: {},
  headers: [],
  offline_seconds: 60,
});

let repository: RepositorySimulator;
let store: Store;
let events: WorkerEvent[];

const release = (text: string) => repository.release({ 'vouchsafe.json': manifest, 'index.html': text, 'shared.js': 'shared' });

/** The parts of a worker that has just been started on what is stored. */
function startedWorker() {
  events = [];
  const announce = async (event: WorkerEvent) => void events.push(event);
  const root = new TextDecoder().decode(repository.files.get('/metadata/1.root.json'));
  const config = { roots: [root], metadata: 'metadata/', targets: 'targets/', passthrough: [] };
  store = new Store(scope.href);
  const violations = new ViolationLog(store, announce);
  const onDamage = (error: unknown) => void violations.record(error, 'storage');
  const refresher = () =>
    new Refresher({
      root: reader.roots[0] ?? new Uint8Array(),
      store,
      fetch: repository.fetch,
      metadataUrl: `${scope.href}metadata/`,
      targetsUrl: `${scope.href}targets/`,
    });
  const files = new VerifiedFiles(store, refresher, (path) => releases.older(path), onDamage);
  const chunks = new ChunkedFiles(
    store,
    () => [`${scope.href}targets/`],
    (path) => releases.olderHashes(path),
    onDamage,
    onDamage,
  );
  const clients = { matchAll: async () => openClients };
  const scripts = new ScriptCopies(scope, onDamage);
  const reader = new ReleaseReader(config, {
    store,
    violations,
    manifest: (file, consistentSnapshot) => files.read({ consistentSnapshot }, file),
    targets: (...listed) => refresher().downloadTargetsMetadata(...listed),
  });
  const releases = new Releases(store, reader, violations, clients, scripts);
  const standDown = vi.fn(async () => {});
  const updates = new Updates({
    releases,
    files,
    chunks,
    scripts,
    store,
    violations,
    announce,
    refresher,
    packServers: () => [],
    standDown,
    isOffline: () => false,
    report: () => reporting,
  });
  return { releases, updates, standDown };
}

/** What reports to the operators' endpoint. */
let reporting: Promise<void> = Promise.resolve();

/** What the worker goes on with after it has answered. */
const work: Promise<unknown>[] = [];
const extend = (more: Promise<unknown>) => void work.push(more);

/** The pages that are open. */
let openClients: OpenClient[] = [];

const violations = () => events.filter(({ vouchsafe }) => vouchsafe === 'violation');

beforeEach(async () => {
  // The simulator's clock is not ours, and a clock that is behind is reported.
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  vi.stubGlobal('fetch', repository.fetch);
  await release('one');
});
afterEach(async () => {
  await Promise.all(work.splice(0));
  openClients = [];
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${scope.href}`);
});

describe('Updates', () => {
  it('activates the first release, stages the next, and activates that at a navigation', async () => {
    const { updates, releases } = startedWorker();
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    const first = releases.active?.id;
    await release('two');
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(releases.active?.id).toBe(first);
    await updates.activateForNavigation(extend);
    expect(releases.active?.id).not.toBe(first);
    expect(violations()).toEqual([]);
  });

  it('under `prompt` activates when it is asked to, not at a navigation; the app can say so against the manifest', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    const first = releases.active?.id;
    await releases.setActivation('prompt');
    await release('two');
    await updates.update();
    await updates.activateForNavigation(extend);
    expect(releases.active?.id).toBe(first);
    // Another life of the worker remembers it.
    const later = startedWorker();
    await later.releases.open();
    await later.updates.activateForNavigation(extend);
    expect(later.releases.active?.id).toBe(first);
    const staged = later.releases.staged?.id;
    expect(await later.updates.activate()).toMatchObject({ id: staged });
    expect(staged).not.toBe(first);
  });

  it('under `immediate` activates as soon as the release is complete', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    const first = releases.active;
    await releases.setActivation('immediate');
    await release('two');
    const result = await updates.update();
    expect(result).toEqual({ outcome: 'activated', release: expect.objectContaining({ id: releases.active?.id }) });
    expect(releases.active?.trusted.snapshot.version).toBe((first?.trusted.snapshot.version ?? 0) + 1);
  });

  it('under `immediate` activates what was staged before it was `immediate`: at once when the app says so, or at the next look', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    await release('two');
    const staged = await updates.update();
    expect(staged).toMatchObject({ outcome: 'staged' });
    await updates.setActivation('immediate');
    expect(staged).toMatchObject({ release: { id: releases.active?.id } });
    expect(releases.staged).toBeUndefined();
    expect(events).toContainEqual({ vouchsafe: 'activated', release: expect.objectContaining({ id: releases.active?.id }) });

    // A life that ended between the two.
    await updates.setActivation(undefined);
    await release('three');
    await updates.update();
    await releases.setActivation('immediate');
    expect(await updates.update()).toEqual({ outcome: 'activated', release: expect.objectContaining({ id: releases.active?.id }) });
    expect(releases.active?.trusted.snapshot.version).toBe(4);
  });

  it('a changed header alone makes a new release, of which only the manifest is downloaded', async () => {
    const { updates, releases } = startedWorker();
    await release('one');
    await updates.update();
    repository.requests.length = 0;
    const headers = [{ path: '**', set: { 'x-frame-options': 'DENY' } }];
    await repository.release({
      'vouchsafe.json': JSON.stringify({ ...JSON.parse(manifest), headers }),
      'index.html': 'one',
      'shared.js': 'shared',
    });
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(releases.staged?.manifest.headers).toEqual(headers);
    expect(releases.active?.manifest.headers).toEqual([]);
    expect(repository.requests.filter((path) => path.startsWith('/targets/'))).toEqual([expect.stringMatching(/vouchsafe\.json$/)]);
  });

  it.each([
    ['a server that has gone', async () => Promise.reject(new TypeError('Failed to fetch')), []],
    ['a server without the file', async () => new Response(null, { status: 404 }), [{ facts: { path: 'extra.js', status: 404 } }]],
  ])('of %s an optional file that does not come is reported, or not', async (_, answer, reported) => {
    repository.answer = (path) => (path.endsWith('extra.js') ? answer() : undefined);
    const rules = { ...JSON.parse(manifest), files: [{ path: 'extra.js', optional: true }] };
    await repository.release({ 'vouchsafe.json': JSON.stringify(rules), 'index.html': 'two', 'extra.js': 'extra' });
    const { updates } = startedWorker();
    // When it is staged, and when it is looked for again.
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(await updates.update()).toMatchObject({ outcome: 'current' });
    expect(violations()).toMatchObject([...reported, ...reported].map((violation) => ({ violation })));
  });

  it('leaves a page time to load before it looks', async () => {
    vi.useFakeTimers({ now: START, toFake: ['Date', 'setTimeout'] });
    const { updates, releases } = startedWorker();
    const update = vi.spyOn(updates, 'update');
    const looked = updates.lookSoon();
    await vi.advanceTimersByTimeAsync(999);
    expect(update).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(update).toHaveBeenCalledOnce();
    vi.useFakeTimers({ now: START, toFake: ['Date'] });
    await looked;
    expect(releases.active).toBeDefined();
  });

  it('looks again only after a while when nobody asks', async () => {
    const { updates } = startedWorker();
    await updates.look();
    const asked = repository.requests.length;
    expect(asked).toBeGreaterThan(0);
    await updates.look();
    expect(repository.requests.length).toBe(asked);
    await updates.update();
    expect(repository.requests.length).toBeGreaterThan(asked);
  });

  it('looks once when the worker starts for something else than a page’s opening, unless there was a look just now', async () => {
    await startedWorker().updates.update();
    const timers = { toFake: ['Date' as const, 'setTimeout' as const] };
    /** How often the worker asks the repository in its next life, which begins after some seconds. */
    const looksAfter = async (seconds: number, also: (updates: Updates) => unknown = () => {}) => {
      vi.useFakeTimers({ now: Date.now() + seconds * 1000, ...timers });
      const { updates } = startedWorker();
      const asked = () => repository.requests.filter((path) => path.endsWith('/2.root.json')).length;
      const before = asked();
      const looked: unknown[] = [];
      updates.lookAtStart((work) => looked.push(work));
      updates.lookAtStart((work) => looked.push(work));
      looked.push(also(updates));
      await vi.advanceTimersByTimeAsync(1000);
      // The database has timers of its own.
      vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
      await Promise.all(looked);
      return asked() - before;
    };
    expect(await looksAfter(5)).toBe(0);
    expect(await looksAfter(5)).toBe(1);
    // A page that was opened looks, and once is enough.
    expect(await looksAfter(11, (updates) => updates.lookSoon())).toBe(1);
    expect(await looksAfter(1, (updates) => updates.lookSoon())).toBe(1);
    expect(await looksAfter(11, (updates) => updates.update())).toBe(1);
    // The clock was ahead, and is right again.
    expect(await looksAfter(-86_400)).toBe(1);
    expect(await looksAfter(1)).toBe(0);
    // A look that failed is one, too: a server in trouble is not asked by each life of each client.
    repository.answer = () => new Response(null, { status: 500 });
    expect(await looksAfter(11)).toBeGreaterThan(0);
    expect(await looksAfter(1)).toBe(0);
  });

  it.each([
    ['a time to come', () => `${Date.now() + 1e9}`],
    ['a time that no date can be', () => '9'.repeat(300)],
    ['no number', () => 'evil'],
    ['something else', () => ({ evil: 1 })],
    ['nothing', () => undefined],
  ])('a page script that stores %s as that of the last look stops no look', async (_, written) => {
    await startedWorker().updates.update();
    const database = await openDB(`vouchsafe ${scope.href}`);
    await database.put('state', written(), 'looked');
    database.close();
    const { updates } = startedWorker();
    repository.requests.length = 0;
    await new Promise((resolve) => updates.lookAtStart((work) => resolve(work)));
    expect(repository.requests).toContain('/metadata/timestamp.json');
  });

  it('C10 reports a clock that has gone back, in this life or since an earlier one, once, and looks all the same', async () => {
    await startedWorker().updates.update();
    vi.setSystemTime(START + 3_600_000);
    const { updates } = startedWorker();
    await updates.look();
    expect(violations()).toEqual([]);
    for (const [ahead, when] of [
      [1_800_000, () => startedWorker().updates],
      [0, () => updates],
    ] as const) {
      const back = when();
      vi.setSystemTime(START + ahead);
      repository.requests.length = 0;
      await back.look();
      expect(repository.requests).toContain('/metadata/timestamp.json');
      await back.update();
      const facts = { expected: expect.stringMatching(/or later$/), actual: new Date(START + ahead).toISOString() };
      expect(violations()).toMatchObject([{ violation: { code: 'clock', during: 'watch', facts } }]);
      vi.setSystemTime(START + 3_600_000);
      await back.update();
      events.length = 0;
    }
  });

  it('C10 reports a clock that went ahead of the time that passed when everything has expired by it, and goes on when it is right', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    const ahead = START + 400 * 86_400_000;
    vi.setSystemTime(ahead);
    expect(await updates.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'expired' }, freshness: 'frozen' });
    const codes = () => violations().map((event) => event.vouchsafe === 'violation' && event.violation.code);
    expect(codes()).toEqual(['expired', 'clock']);
    expect(violations()[1]).toMatchObject({
      violation: { during: 'watch', facts: { expected: expect.stringMatching(/^2/), actual: new Date(ahead).toISOString() } },
    });
    // A later life cannot know how much time has passed.
    const later = startedWorker();
    expect(await later.updates.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'expired' } });
    expect(codes()).toEqual(['expired']);
    // Nor is it the clock when the repository has newer metadata.
    vi.setSystemTime(START);
    await later.updates.update();
    expect(later.updates.freshness()).toBe('fresh');
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(updates.freshness()).toBe('fresh');
    expect(releases.active).toBeDefined();
  });

  it('a look that nobody waits for is not over before its reports are sent; an update does not wait for them', async () => {
    let sent = () => {};
    reporting = new Promise((resolve) => {
      sent = resolve;
    });
    const { updates } = startedWorker();
    await updates.update();
    let isOver = false;
    const looked = startedWorker()
      .updates.look()
      .then(() => {
        isOver = true;
      });
    await vi.waitFor(() => expect(repository.requests.filter((path) => path.endsWith('timestamp.json'))).toHaveLength(2));
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    sent();
    await looked;
  });

  it('C9 keeps staged and active apart when an update ends while a slow disk still activates', async () => {
    const { updates } = startedWorker();
    await updates.update();
    await release('two');
    await updates.update();
    const activate = store.activate.bind(store);
    let written = () => {};
    const disk = new Promise<void>((resolve) => {
      written = resolve;
    });
    vi.spyOn(store, 'activate').mockImplementationOnce(async (key) => {
      await activate(key);
      await disk;
    });
    const activated = updates.activate();
    const updated = updates.update();
    // The update has asked the repository all it asks, and is left alone with the store for a while.
    await vi.waitFor(() => expect(repository.requests.at(-1)).toBe('/metadata/timestamp.json'));
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    written();
    await activated;
    expect(await updated).toEqual({ outcome: 'current' });
    expect((await store.loadState()).staged).toBeUndefined();
    expect(violations()).toEqual([]);
  });

  it('C8 finds its release again after the store failed once, with the server gone', async () => {
    await startedWorker().updates.update();
    const { releases } = startedWorker();
    repository.answer = () => {
      throw new TypeError('offline');
    };
    vi.spyOn(store, 'loadState').mockRejectedValueOnce(new VouchsafeError('storage', 'held'));
    await releases.open();
    expect(releases.active).toBeUndefined();
    await releases.open();
    expect(releases.active).toMatchObject({ files: 3 });
  });

  it('downloads nothing again that a killed update had stored', async () => {
    await startedWorker().updates.update();
    await repository.release({ 'vouchsafe.json': manifest, 'index.html': 'two', 'shared.js': 'shared', 'a.js': 'a', 'b.js': 'b' });
    repository.answer = (path) => (path.endsWith('b.js') ? new Response(null, { status: 500 }) : undefined);
    expect(await startedWorker().updates.update()).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'unreachable', facts: { status: 500 } },
    });
    repository.answer = undefined;
    repository.requests.length = 0;
    expect(await startedWorker().updates.update()).toMatchObject({ outcome: 'staged' });
    expect(
      repository.requests.filter((path) => path.startsWith('/targets/')).map((path) => path.split('.').slice(1).join('.')),
    ).toEqual(['b.js']);
  });

  it('a release whose manifest has too many or too few hashes for the chunks of a file is refused', async () => {
    const { updates } = startedWorker();
    await updates.update();
    for (const count of [0, 1, 3]) {
      const chunks = { 'film.mp4': { size: 2 ** 14, sha256: Array(count).fill('00'.repeat(32)) } };
      await repository.release({
        'vouchsafe.json': JSON.stringify({ ...JSON.parse(manifest), chunks }),
        'film.mp4': 'a'.repeat(2 ** 14 + 1),
      });
      expect(await updates.update(), String(count)).toMatchObject({
        refusal: { code: 'malformed', facts: { path: 'film.mp4' } },
      });
    }
  });

  it('a release without a manifest, or with one of a later format, is refused and what runs goes on', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    await repository.release({ 'index.html': 'two' });
    expect(await updates.update()).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'not-found', facts: { path: 'vouchsafe.json' } },
    });
    await repository.release({ 'index.html': 'two', 'vouchsafe.json': manifest.replace('1', '2') });
    expect(await updates.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'unsupported' } });
    expect(releases.active).toMatchObject({ files: 3 });
  });

  it('C14 keeps the files of a release that a page stays on, and forgets them when the page is gone', async () => {
    const { updates, releases } = startedWorker();
    await updates.update();
    const first = releases.active;
    openClients = [{ id: 'tab', url: scope.href, type: 'window' }];
    const request = { mode: 'navigate', url: scope.href };
    await releases.pins.pin({ resultingClientId: 'tab', request }, first?.key ?? '');
    await release('two');
    await updates.update();
    await updates.activate();
    const hash = (await first?.targets.find('index.html'))?.hashes.sha256 ?? '';
    expect(await store.storedHashes()).toContain(hash);
    const event = { clientId: 'tab', request: { referrer: '' } };
    expect((await releases.ofRequest(event, async () => true))?.id).toBe(first?.id);
    // And in the next life of the worker.
    const later = startedWorker();
    await later.releases.open();
    expect((await later.releases.ofRequest(event, async () => true))?.id).toBe(first?.id);

    openClients = [];
    vi.setSystemTime(Date.now() + 11_000);
    await later.releases.collect();
    // A page that comes back, from the back/forward cache, is of that release all the same, and of no other when that is forgotten.
    expect((await later.releases.ofRequest(event, async () => true))?.id).toBe(first?.id);
    await release('three');
    await later.updates.update();
    await later.updates.activate();
    await expect(later.releases.ofRequest(event, async () => true)).rejects.toMatchObject({ code: 'storage' });
    const another = { clientId: 'another', request: { referrer: '' } };
    expect((await later.releases.ofRequest(another, async () => true))?.id).toBe(later.releases.active?.id);
  });

  it('C8 gives away what nothing needs when there is no room, waits until the browser has it, and then refuses', async () => {
    const { updates, releases } = startedWorker();
    const rules = { ...JSON.parse(manifest), files: [{ path: 'demand.js', keep: 'on-demand' }] };
    const files = (text: string) => ({ 'vouchsafe.json': JSON.stringify(rules), 'index.html': text, 'demand.js': 'demand' });
    await repository.release(files('two'));
    await updates.update();
    const hash = (await releases.active?.targets.find('demand.js'))?.hashes.sha256 ?? '';
    const demand = new Map([[hash, new TextEncoder().encode('demand')]]);
    const waits: number[] = [];
    const { setTimeout: later } = globalThis;
    vi.stubGlobal('setTimeout', (work: () => void, wait = 0) => {
      waits.push(wait);
      return later(work, wait === 8_000 ? 0 : wait);
    });
    const full = new VouchsafeError('quota', 'full');
    await store.saveFiles(demand);
    await repository.release(files('three'));
    const saving = vi.spyOn(store, 'saveFiles').mockRejectedValueOnce(full);
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(saving).toHaveBeenCalledTimes(2);
    expect(await store.loadFile(hash)).toBeUndefined();
    expect(waits).toContain(8_000);

    // A page that opens does not wait for it.
    waits.length = 0;
    await store.saveFiles(demand);
    vi.spyOn(releases, 'activate').mockRejectedValueOnce(full);
    expect(await updates.activate()).toMatchObject({ id: releases.active?.id });
    expect(releases.staged).toBeUndefined();
    expect(await store.loadFile(hash)).toBeUndefined();

    // Nothing is left to give away, and what went is counted: refused at once.
    await repository.release(files('four'));
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 8_000);
    saving.mockRejectedValue(full);
    const { active, staged } = releases;
    expect(await updates.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'quota' }, freshness: 'fresh' });
    expect(waits).not.toContain(8_000);
    expect([releases.active, releases.staged]).toEqual([active, staged]);
    expect(violations()).toMatchObject([{ violation: { code: 'quota', during: 'update' } }]);
  });

  it('C8 gives away what only a retired release has before what it only keeps because it was used', async () => {
    const rules = JSON.stringify({ ...JSON.parse(manifest), files: [{ path: 'demand.js', keep: 'on-demand' }] });
    const files = (name: string) => ({
      'vouchsafe.json': rules,
      'index.html': name,
      'demand.js': 'demand',
      [`only-${name}.js`]: name,
    });
    const { updates, releases } = startedWorker();
    await repository.release(files('two'));
    await updates.update();
    const hashIn = async (path: string) => (await releases.active?.targets.find(path))?.hashes.sha256 ?? '';
    const retired = await hashIn('only-two.js');
    const demand = await hashIn('demand.js');
    await store.saveFiles(new Map([[demand, new TextEncoder().encode('demand')]]));
    // Two stays as long as a page is on it.
    openClients = [{ id: 'page', url: scope.href, type: 'window' }];
    await releases.pins.pin({ resultingClientId: 'page', request: { url: scope.href } } as never, releases.active?.key ?? '');
    await repository.release(files('three'));
    await updates.update();
    await updates.activate();
    expect(await store.storedHashes()).toContain(retired);

    openClients = [];
    vi.setSystemTime(START + 60_000);
    await repository.release(files('four'));
    const stored: string[][] = [];
    const { saveFiles } = store;
    vi.spyOn(store, 'saveFiles').mockImplementation(async (pack) => {
      const hashes = await store.storedHashes();
      stored.push(Object.entries({ retired, demand }).flatMap(([name, hash]) => (hashes.has(hash) ? [name] : [])));
      if (stored.length === 1) throw new VouchsafeError('quota', 'full');
      await saveFiles.call(store, pack);
    });
    const { setTimeout: later } = globalThis;
    vi.stubGlobal('setTimeout', (work: () => void, wait = 0) => later(work, wait === 8_000 ? 0 : wait));
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(stored).toEqual([['demand'], []]);
  });

  it('stands down when a release says so, without its files', async () => {
    const { updates, standDown } = startedWorker();
    await updates.update();
    await repository.release({
      'vouchsafe.json': JSON.stringify({ ...JSON.parse(manifest), tombstone: true }),
      'index.html': 'plain',
    });
    repository.requests.length = 0;
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(standDown).toHaveBeenCalledTimes(1);
    expect(repository.requests.filter((path) => path.endsWith('index.html'))).toEqual([]);
  });
});

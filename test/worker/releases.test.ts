import { openDB } from 'idb';
import { describe, expect, it, vi } from 'vitest';
import { isIndexedByName } from '../../src/release/packs.js';
import { signIndex } from '../../src/repository/targets-index.js';
import { Store } from '../../src/store/store.js';
import type { JsonObject, JsonValue } from '../../src/tuf/json.js';
import { Targets } from '../../src/tuf/targets.js';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { answer } from '../../src/worker/answerer.js';
import { signedPart } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, simulatedApp } from './simulated-worker.js';

const app = simulatedApp();
const { release } = app;

describe('C7 what is stored', () => {
  it('does not stand the worker down: a tombstone is believed when the repository says so now', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    await release('plain', { tombstone: true });
    // What the worker would have deleted, a page script has kept and puts back.
    vi.spyOn(Store.prototype, 'clear').mockResolvedValueOnce();
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(app.browser.unregister).toHaveBeenCalledTimes(1);
    await release('back again');

    const { releases, updates: later, violations } = app.browser.start();
    await releases.open();
    expect([releases.active, releases.staged]).toEqual([undefined, undefined]);
    expect(await later.update()).toMatchObject({ outcome: 'activated' });
    expect(releases.active?.trusted.snapshot.version).toBe(4);
    expect(await violations.list()).toEqual([]);
    expect(app.browser.unregister).toHaveBeenCalledTimes(1);
  });

  it('may be something else under the hash of the next release’s manifest: the update replaces it, and the next life opens the release offline', async () => {
    await app.browser.start().updates.update();
    await release('two', { offline_seconds: 61 });
    const { sha256 = '' } = new Targets(app.repository.current('targets')).files.get('vouchsafe.json')?.hashes ?? {};
    await new Store(SCOPE.href).saveFiles(new Map([[sha256, new TextEncoder().encode('{}')]]));
    expect(await app.browser.start().updates.update()).toMatchObject({ outcome: 'staged' });
    app.repository.answer = () => Promise.reject(new TypeError('Failed to fetch'));
    const { releases } = app.browser.start();
    await releases.open();
    expect(releases.staged?.manifest.offlineSeconds).toBe(61);
  });

  it('may be 200,000 forged roots: no more of them are looked at than there are true ones, and the release stays', async () => {
    const { releases, updates, violations } = app.browser.start();
    await updates.update();
    const active = releases.active?.id;
    const state = await new Store(SCOPE.href).loadState();
    const roots = new Map(state.roots);
    for (let version = 2; version <= 200_000; version++) roots.set(version, app.repository.root);
    const looked = vi.spyOn(roots, 'get');
    vi.spyOn(Store.prototype, 'loadState').mockResolvedValue({ ...state, roots });
    await releases.checkAgain();
    expect(looked.mock.calls.length).toBeLessThanOrEqual(4);
    expect(releases.active?.id).toBe(active);
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(await violations.list()).toEqual([]);
  });
});

describe('a worker that starts', () => {
  const PAGE = { mode: 'navigate', destination: 'document' };
  const openedFor = async (path: string, how?: Parameters<typeof fetchEvent>[1]) => {
    const loadDocument = vi.spyOn(Store.prototype, 'loadDocument').mockClear();
    const parts = app.browser.start();
    await parts.releases.open();
    const { event, done } = fetchEvent(path, how);
    const body = await (await answer(event, parts)).text();
    await done();
    return { body, read: loadDocument.mock.calls.map(([, name]) => name), violations: await parts.violations.list() };
  };

  it('opens its release by the signed index, and reads one block for a page’s files', async () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`data/${i}.txt`, `${i}`]));
    const onDemand = manifestWith({ files: [{ path: 'data/**', keep: 'on-demand' }] });
    await app.repository.release({ 'vouchsafe.json': onDemand, 'index.html': 'page', 'shared.js': 'shared', ...many });
    await app.browser.start().updates.update();
    expect(await openedFor('shared.js')).toEqual({ body: 'shared', read: [7], violations: [] });
    // The index says what that is.
    expect(await openedFor('', PAGE)).toEqual({ body: 'page', read: [], violations: [] });
  });

  it('reads what a page is about to ask for while it verifies what says which files these are', async () => {
    await app.browser.start().updates.update();
    const reading = vi.spyOn(Store.prototype, 'readAhead');
    const verifying = vi.spyOn(TrustedMetadata.prototype, 'loadTimestamp');
    const { event, done } = fetchEvent('', PAGE);
    expect(await (await answer(event, app.browser.start())).text()).toBe('one');
    await done();
    expect(reading).toHaveBeenCalledTimes(1);
    expect(reading.mock.invocationCallOrder[0]).toBeLessThan(verifying.mock.invocationCallOrder[0] ?? 0);
    await answer(fetchEvent('shared.js').event, app.browser.start());
    expect(reading).toHaveBeenCalledTimes(1);
  });

  it('verifies the compiled-in root once for all that is stored, and so does the next one', async () => {
    const first = app.browser.start();
    await first.updates.update();
    await release('two');
    await first.updates.update();
    for (let life = 0; life < 2; life++) {
      const verified = vi.spyOn(TrustedMetadata, 'fromRoot').mockClear();
      const { releases } = app.browser.start();
      await releases.open();
      expect([releases.active, releases.staged]).not.toContain(undefined);
      expect(verified).toHaveBeenCalledTimes(1);
    }
  });

  it('verifies the compiled-in root again after the engine failed once', async () => {
    await app.browser.start().updates.update();
    vi.spyOn(TrustedMetadata, 'fromRoot').mockRejectedValueOnce(new Error('The engine has no memory.'));
    const { releases, violations } = app.browser.start();
    await releases.open();
    expect(releases.active).toBeDefined();
    expect(await violations.list()).toEqual([]);
  });

  it('reads its state before it is asked for anything, once, and not before it is the active one', async () => {
    await app.browser.start().updates.update();
    const opening = vi.spyOn(indexedDB, 'open');
    const reading = vi.spyOn(IDBObjectStore.prototype, 'getAllKeys');
    app.browser.state = 'installing';
    app.browser.start();
    expect(opening).not.toHaveBeenCalled();
    app.browser.state = 'activated';
    const { releases } = app.browser.start();
    expect(opening).toHaveBeenCalledTimes(1);
    await releases.open();
    expect(releases.active?.id).toMatch(/^2-/);
    expect(reading.mock.contexts.map((store) => (store as { name: string }).name).sort()).toEqual([
      'indexes',
      'pins',
      'releases',
      'roots',
      'state',
    ]);
  });

  /** Has the snapshot say something else about the index. */
  async function listIndex(signatures: JsonValue | undefined): Promise<void> {
    const { version, meta } = signedPart(app.repository.current('snapshot')) as {
      version: number;
      meta: { 'targets.json': JsonObject };
    };
    const { index_signatures: _, ...entry } = meta['targets.json'];
    const listing = { 'targets.json': { ...entry, ...(signatures && { index_signatures: signatures }) } };
    await app.repository.serve({ snapshot: await app.repository.forge('snapshot', { version: version + 1, meta: listing }) });
  }

  it('opens it by the whole targets metadata where the repository has no index', async () => {
    await listIndex(undefined);
    await app.browser.start().updates.update();
    expect(await openedFor('shared.js')).toEqual({ body: 'shared', read: ['targets'], violations: [] });
  });

  it('C8 finds what it opens its release with, although that was deleted while an earlier one ran', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    const page = await openDB(`vouchsafe ${SCOPE.href}`);
    await page.clear('documents');
    page.close();
    // A look that finds nothing new is enough.
    expect(await updates.update()).toEqual({ outcome: 'current' });
    app.repository.answer = () => {
      throw new TypeError('offline');
    };
    expect(await openedFor('shared.js')).toEqual({ body: 'shared', read: [0], violations: [] });
  });

  it('C7 makes an index anew that a page script deleted', async () => {
    const { updates, releases } = app.browser.start();
    await updates.update();
    const { key = '', record } = releases.active ?? {};
    const { index: _, ...plain } = record ?? { rootVersion: 1, timestamp: new Uint8Array(), snapshot: new Uint8Array() };
    await new Store(SCOPE.href).saveRelease(key, plain);
    expect(await openedFor('shared.js')).toMatchObject({ body: 'shared', read: ['targets'] });
    expect(await app.browser.start().updates.update()).toEqual({ outcome: 'current' });
    expect(await openedFor('shared.js')).toMatchObject({ body: 'shared', read: [0] });
  });

  it('A10 goes by the targets metadata where other keys have signed the index', async () => {
    const targets = new Targets(app.repository.current('targets'));
    await listIndex(await signIndex(targets, isIndexedByName, app.repository.signers.snapshot));
    await app.browser.start().updates.update();
    expect(await openedFor('shared.js')).toMatchObject({ body: 'shared', read: ['targets'] });
  });
});

describe('a release that a page stays on', () => {
  const tab = { clientId: 'tab', request: { referrer: '' } };

  /** A page on the first release, the second one active, and a worker that has just started. */
  async function withPinned() {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const first = releases.active;
    app.browser.clients = [{ id: 'tab', url: SCOPE.href }];
    await releases.pins.pin({ resultingClientId: 'tab', request: { mode: 'navigate', url: SCOPE.href } }, first?.key ?? '');
    // Another manifest: it has to be read anew.
    await release('two', { offline_seconds: 61 });
    await updates.update();
    await updates.activate();
    const hashOf = async (path: string) => (await first?.targets.find(path))?.hashes.sha256 ?? '';
    const { releases: later, violations } = app.browser.start();
    await later.open();
    expect(later.active?.id).not.toBe(first?.id);
    return { first, releases: later, violations, manifest: await hashOf('vouchsafe.json'), page: await hashOf('index.html') };
  }

  it('C14 that cannot be read is refused, not exchanged for another; its files are kept, and it is there again when it can be', async () => {
    const { first, releases, violations, manifest, page } = await withPinned();
    const loadFile = Store.prototype.loadFile;
    const unreadable = vi.spyOn(Store.prototype, 'loadFile').mockImplementation(function (this: Store, hash) {
      return hash === manifest ? Promise.resolve(undefined) : loadFile.call(this, hash);
    });
    app.repository.answer = (path) => (path.includes(manifest) ? new Response(null, { status: 500 }) : undefined);
    const keepFiles = vi.spyOn(Store.prototype, 'keepFiles');
    for (let time = 0; time < 2; time++) {
      await expect(releases.ofRequest(tab, async () => true)).rejects.toMatchObject({ code: 'storage' });
      await releases.collect();
    }
    // Nobody can say which files those are.
    expect(keepFiles).not.toHaveBeenCalled();
    expect(await violations.list()).toMatchObject([{ code: 'unreachable', during: 'storage' }]);
    app.repository.answer = undefined;
    expect((await releases.ofRequest(tab, async () => true))?.id).toBe(first?.id);
    unreadable.mockRestore();
    await releases.collect();
    expect(keepFiles.mock.calls.map(([wanted]) => wanted.has(page))).toEqual([true]);
  });

  it('C14 that nobody knows any more is a refusal: files of the active one would not go with what the page has', async () => {
    const { releases } = await withPinned();
    const back = { clientId: 'back', request: { referrer: '' } };
    await releases.pins.pin({ resultingClientId: 'back', request: { mode: 'navigate', url: SCOPE.href } }, '9-collected');
    await expect(releases.ofRequest(back, async () => true)).rejects.toMatchObject({ code: 'storage' });
    const stranger = { clientId: 'stranger', request: { referrer: '' } };
    expect((await releases.ofRequest(stranger, async () => true))?.id).toBe(releases.active?.id);
  });
});

describe('releases that are staged one after the other', () => {
  it('and never become active are forgotten but for the last one before', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    for (const text of ['two', 'three', 'four', 'five', 'six']) {
      await release(text, { activation: 'prompt' });
      expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    }
    const page = await openDB(`vouchsafe ${SCOPE.href}`);
    const kept = (await page.getAllKeys('releases')).map((key) => Number.parseInt(String(key), 10));
    const documents = (await page.getAllKeys('documents')).map((key) => Number.parseInt((key as unknown as string[])[0] ?? '', 10));
    page.close();
    expect(kept).toEqual([2, 5, 6, 7]);
    expect(new Set(documents)).toEqual(new Set(kept));
  });

  it('A6 are not taken for the one before, whose files are the likeliest to be served again', async () => {
    const { updates, releases } = app.browser.start();
    await updates.update();
    const before = await releases.active?.targets.find('index.html');
    for (const text of ['two', 'three']) {
      await release(text, { activation: 'prompt' });
      await updates.update();
    }
    await updates.activate();
    await releases.collect();
    expect(await releases.older('index.html')).toContainEqual(before);
  });

  it('C9 are there once when one becomes active while the next is staged', async () => {
    const { updates, releases } = app.browser.start();
    await updates.update();
    await release('two', { activation: 'prompt' });
    await updates.update();
    const { staged } = releases;
    if (!staged) throw new Error('Nothing is staged.');
    app.browser.clients = [{ id: 'tab', url: SCOPE.href }];
    releases.pins.adopt('tab', staged.key);
    const { activate } = Store.prototype;
    vi.spyOn(Store.prototype, 'activate').mockImplementationOnce(async function (this: Store, key: string) {
      await activate.call(this, key);
      await releases.stage({ ...staged, id: '9-next', key: '9-next' }, new Map());
    });
    await releases.activate();
    expect((await releases.list()).map(({ id, state }) => [id, state])).toEqual([
      [staged.id, 'active'],
      ['9-next', 'staged'],
    ]);
  });
});

describe('pins', () => {
  it('that nobody wants do not pile up where no release comes', async () => {
    await app.browser.start().updates.update();
    const old = new Store(SCOPE.href);
    const key = (await old.loadState()).active ?? '';
    for (let i = 0; i < 300; i++) await old.pin(`tab ${i}`, key, Date.now() - 86_400_000 * 30);
    expect(await app.browser.start().updates.update()).toEqual({ outcome: 'current' });
    expect((await new Store(SCOPE.href).loadState()).pins.size).toBeLessThanOrEqual(100);
  });
});

describe('no store', () => {
  it('C8 no file is downloaded before it is asked for, since none would be kept, and each is verified then', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    const asked = () =>
      app.repository.requests.filter((path) => path.startsWith('/targets/')).map((path) => path.replace(/^.*\/\w+\./, ''));
    const { releases, updates, files } = app.browser.start();
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(asked()).toEqual(['vouchsafe.json']);
    const file = await releases.active?.targets.find('shared.js');
    if (!releases.active || !file) throw new Error('no release');
    expect(new TextDecoder().decode(await files.read(releases.active, file))).toBe('shared');
    app.repository.answer = (path) => (path.endsWith('shared.js') ? new Response('altered') : undefined);
    await expect(files.read(releases.active, file)).rejects.toMatchObject({ code: 'mismatch' });
    app.repository.answer = undefined;
    await release('two');
    app.repository.requests.length = 0;
    // The database may be back when it runs.
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(new Set(asked())).toEqual(new Set(['index.html', 'shared.js', 'vouchsafe.json']));
  });

  it('C14 that is not known is the one that answers first, for all that comes, in later lives too', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const first = releases.active?.id;
    // Refused, it may be of any release.
    const lost = { clientId: 'lost', request: { referrer: '' } };
    await releases.ofRequest({ ...lost, clientId: 'elsewhere' }, async () => false);
    expect((await releases.ofRequest(lost, async () => true))?.id).toBe(first);
    await release('two');
    await updates.update();
    app.browser.clients = ['lost', 'elsewhere'].map((id) => ({ id, url: SCOPE.href }));
    await updates.activate();
    const second = releases.active?.id;
    for (const { releases: life } of [{ releases }, app.browser.start()]) {
      await life.open();
      expect((await life.ofRequest(lost, async () => true))?.id).toBe(first);
      expect((await life.ofRequest({ ...lost, clientId: 'elsewhere' }, async () => true))?.id).toBe(second);
    }
  });

  it('C14 two requests that a page makes at once while the next release becomes active are answered from one', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    const lost = { clientId: 'lost', request: { referrer: '' } };
    // The first one finds its file late.
    const { ofRequest } = releases.pins;
    let goOn = () => {};
    const late = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    vi.spyOn(releases.pins, 'ofRequest').mockImplementationOnce(async (...asked) => {
      const keys = await ofRequest.apply(releases.pins, asked);
      await late;
      return keys;
    });
    const slow = releases.ofRequest(lost, async () => true);
    await updates.activate();
    const quick = await releases.ofRequest(lost, async () => true);
    goOn();
    expect((await slow)?.id).toBe(quick?.id);
  });
});

describe('a store that comes back', () => {
  it('C8 is read then: a worker that began without it finds its release', async () => {
    await app.browser.start().updates.update();
    const { open } = indexedDB;
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    const { releases } = app.browser.start();
    app.repository.answer = () => {
      throw new TypeError('offline');
    };
    await releases.open();
    expect(releases.active).toBeUndefined();
    vi.spyOn(indexedDB, 'open').mockImplementation((...names) => open.apply(indexedDB, names));
    vi.setSystemTime(Date.now() + 60_000);
    const files = async () => {
      await releases.open();
      return releases.active?.files;
    };
    await expect.poll(files, { timeout: 20_000 }).toBe(3);
  });

  it('C8 is read then also when the reading that failed had begun with the worker', async () => {
    await app.browser.start().updates.update();
    const failing = vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('no', 'UnknownError');
    });
    failing.mockImplementationOnce(() => {
      throw new DOMException('no', 'UnknownError');
    });
    const { releases, violations, life } = app.browser.start();
    await expect.poll(() => life().kept).toBe('memory');
    failing.mockRestore();
    vi.setSystemTime(Date.now() + 60_000);
    await expect.poll(() => violations.list().then(() => life().kept)).toBe('indexeddb');
    await releases.open();
    expect(releases.active?.files).toBe(3);
  });
});

describe('no room', () => {
  it('C8 C14 to say which release is active: the one that pages are on is kept, also for the next life', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const before = releases.active?.key ?? '';
    const { event } = fetchEvent('', { mode: 'navigate', destination: 'document' });
    app.browser.clients = [{ id: 'tab', url: SCOPE.href }];
    await releases.pins.pin(Object.assign(event, { resultingClientId: 'tab' }), before);
    await release('two');
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    const { put } = IDBObjectStore.prototype;
    let isFull = true;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...record) {
      if (isFull && this.name === 'state') throw new DOMException('full', 'QuotaExceededError');
      return put.apply(this, record);
    });
    const collect = releases.collect.bind(releases);
    vi.spyOn(releases, 'collect').mockImplementation(async (isShort) => {
      await collect(isShort);
      isFull = false;
    });
    vi.spyOn(releases, 'forgotAt', 'get').mockImplementation(() => performance.now());
    expect(await updates.activate()).toMatchObject({ id: releases.active?.id });
    expect(releases.active?.key).not.toBe(before);
    const life = app.browser.start();
    await life.releases.open();
    expect(await life.releases.get(before)).toMatchObject({ key: before });
  });

  it('C8 says when files went, by whatever looked for such, and nothing where none did', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    await releases.collect();
    expect(releases.forgotAt).toBe(0);
    await release('two');
    await updates.update();
    await updates.activate();
    expect(releases.forgotAt).toBeGreaterThan(0);
  });

  it('C9 an update and a navigation that activate at once make one release active, and the other one the one before', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const before = releases.active?.id;
    await release('two');
    await updates.update();
    await Promise.all([releases.activate(), releases.activate()]);
    await releases.collect();
    const older = await releases.older('index.html');
    expect(new Set(older.map(({ hashes }) => hashes.sha256)).size).toBe(2);
    expect(releases.active?.id).not.toBe(before);
  });

  it('C8 for new metadata: files that no page needs make room, and it is saved', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const { put } = IDBObjectStore.prototype;
    let isFull = true;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...record) {
      if (isFull && this.name === 'metadata') throw new DOMException('full', 'QuotaExceededError');
      return put.apply(this, record);
    });
    await release('two');
    expect(await updates.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'quota' }, freshness: 'fresh' });
    expect(releases.active?.trusted.snapshot.version).toBe(2);

    const collect = releases.collect.bind(releases);
    const collected = vi.spyOn(releases, 'collect').mockImplementation(async (isShort) => {
      if (isShort) isFull = false;
      await collect(isShort);
    });
    vi.spyOn(releases, 'forgotAt', 'get').mockImplementation(() => performance.now());
    const { setTimeout: later } = globalThis;
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((work: () => void, wait = 0) =>
      later(work, wait === 8_000 ? 0 : wait)) as typeof setTimeout);
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    expect(collected.mock.calls[0]).toEqual([true]);
    const life = app.browser.start();
    await life.releases.open();
    expect(life.releases.staged?.trusted.snapshot.version).toBe(3);
    expect(await new Store(SCOPE.href).loadRole('timestamp')).toEqual(app.repository.current('timestamp'));
  });
});

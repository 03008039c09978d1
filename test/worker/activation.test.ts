import { describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import type { Releases } from '../../src/worker/releases.js';
import { testSigner } from '../repository-simulator.js';
import { manifestWith, SCOPE, simulatedApp } from './simulated-worker.js';

const app = simulatedApp();
const { release } = app;

/** Checks against a new root; the signature that is checked first is checked when the staged release has become the active one. */
async function checkWhileActivating(releases: Releases): Promise<void> {
  const { verify } = crypto.subtle;
  let activated: Promise<unknown> | undefined;
  vi.spyOn(crypto.subtle, 'verify').mockImplementation(async (...of: Parameters<SubtleCrypto['verify']>) => {
    activated ??= releases.activate();
    await activated;
    return verify.apply(crypto.subtle, of);
  });
  await releases.checkAgain();
  expect(activated).toBeDefined();
}

describe('a retired release', () => {
  it('C14 goes at the first look after its last page has gone, but for the metadata by which its files are recognised', async () => {
    // Nothing in common.
    const publish = (name: string) =>
      app.repository.release({
        'vouchsafe.json': manifestWith({ headers: [{ path: name, set: { a: name } }] }),
        'index.html': name,
      });
    await publish('one');
    const { releases, updates } = app.browser.start();
    await updates.update();
    const { key: one = '' } = releases.active ?? {};
    const open = (id: string) =>
      releases.pins.pin({ resultingClientId: id, request: { mode: 'navigate', url: SCOPE.href } }, releases.active?.key ?? '');
    app.browser.clients = [{ id: 'first', url: SCOPE.href }];
    await open('first');
    await publish('two');
    await updates.update();
    await updates.activate();
    // The tab is loaded again.
    await open('second');
    app.browser.clients = [{ id: 'second', url: SCOPE.href }];
    const store = new Store(SCOPE.href);
    const { key: two = '' } = releases.active ?? {};
    const ofTwo = [...((await releases.active?.targets.all())?.values() ?? [])].map(({ hashes }) => hashes.sha256);
    const keep = vi.spyOn(Store.prototype, 'keepFiles');
    expect(await updates.update()).toEqual({ outcome: 'current' });
    // A page that was open a moment ago may be between two processes.
    expect(keep).not.toHaveBeenCalled();
    expect((await store.storedHashes()).size).toBe(4);
    vi.setSystemTime(Date.now() + 121_000);
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(await store.storedHashes()).toEqual(new Set(ofTwo));
    expect([...(await store.loadState()).releases.keys()].sort()).toEqual([one, two].sort());
    expect((await releases.older('index.html')).length).toBe(2);

    // Then there is nothing to forget any more.
    keep.mockClear();
    const write = vi.spyOn(IDBObjectStore.prototype, 'delete');
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(keep).not.toHaveBeenCalled();
    expect(write).not.toHaveBeenCalled();
  });

  it('C14 two of them go but for the metadata of the last', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    for (const name of ['one', 'two', 'three']) {
      const id = `page of ${name}`;
      app.browser.clients = [...app.browser.clients, { id, url: SCOPE.href }];
      await releases.pins.pin(
        { resultingClientId: id, request: { mode: 'navigate', url: SCOPE.href } },
        releases.active?.key ?? '',
      );
      if (name === 'three') break;
      await release(name === 'one' ? 'two' : 'three');
      await updates.update();
      await updates.activate();
    }
    const versions = async () =>
      [...(await new Store(SCOPE.href).loadState()).releases.keys()].map((key) => Number.parseInt(key, 10));
    expect(await versions()).toEqual([2, 3, 4]);
    app.browser.clients = app.browser.clients.slice(-1);
    vi.setSystemTime(Date.now() + 121_000);
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(await versions()).toEqual([3, 4]);
  });
});

describe('a release that becomes the active one', () => {
  /** Holds what the store does to activate, until it is told to go on. */
  function heldActivation() {
    const { activate } = Store.prototype;
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    vi.spyOn(Store.prototype, 'activate').mockImplementationOnce(async function (this: Store, key) {
      await held;
      await activate.call(this, key);
    });
    return goOn;
  }

  it('C14 while newer metadata of it comes is the active one alone, with that metadata, and is so once', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    const goOn = heldActivation();
    // A page that opens makes it the active one; the update under way has begun to renew it.
    const activated = releases.activate();
    await app.repository.publish();
    expect(await updates.update()).toMatchObject({ outcome: 'staged' });
    const { version = 0 } = releases.staged?.trusted.timestamp ?? {};
    goOn();
    expect((await activated)?.trusted.timestamp.version).toBe(version);
    expect(releases.active?.trusted.timestamp.version).toBe(version);
    expect(releases.staged).toBeUndefined();

    const key = releases.active?.key ?? '';
    app.browser.clients = [{ id: 'tab', url: SCOPE.href }];
    await releases.pins.pin({ resultingClientId: 'tab', request: { mode: 'navigate', url: SCOPE.href } }, key);
    await updates.activate();
    await releases.collect();
    expect((await releases.list()).map(({ id, state }) => [id, state])).toEqual([[key, 'active']]);
  });

  it('does so for a page that opens while nobody can say yet what may be forgotten, and it is forgotten in the end', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    // The stored targets metadata is lost, and the server keeps silent about it for a while.
    const life = app.browser.start();
    await life.releases.open();
    const two = life.releases.staged?.id;
    const { loadDocument } = Store.prototype;
    vi.spyOn(Store.prototype, 'loadDocument').mockImplementation(async function (this: Store, key, name) {
      return name === 'targets' ? undefined : loadDocument.call(this, key, name);
    });
    let speak = () => {};
    const silence = new Promise<void>((resolve) => {
      speak = resolve;
    });
    app.repository.answer = (path) =>
      path.endsWith('.targets.json')
        ? silence.then(() => new Response(app.repository.files.get(path)?.slice() ?? null, { status: 200 }))
        : undefined;
    const keep = vi.spyOn(Store.prototype, 'keepFiles');
    const extended: Promise<unknown>[] = [];
    await life.updates.activateForNavigation((work) => extended.push(work));
    expect(life.releases.active?.id).toBe(two);
    expect(keep).not.toHaveBeenCalled();
    speak();
    await Promise.all(extended);
    expect(keep).toHaveBeenCalledOnce();
  });

  it('C14 keeps the pin of a page that opens while the rest is being forgotten', async () => {
    const { updates, releases } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    await updates.activate();
    const { loadState } = Store.prototype;
    const pin = (id: string) =>
      releases.pins.pin({ resultingClientId: id, request: { mode: 'navigate', url: SCOPE.href } }, releases.active?.key ?? '');
    vi.spyOn(Store.prototype, 'loadState').mockImplementationOnce(async function (this: Store) {
      // Who is gone is known by now; what is stored is read next.
      await pin('tab');
      return loadState.call(this);
    });
    await releases.collect();
    expect([...(await new Store(SCOPE.href).loadState()).pins.keys()]).toContain('tab');
    // As a navigation does it.
    await release('three');
    await updates.update();
    const extended: Promise<unknown>[] = [];
    await updates.activateForNavigation((work) => extended.push(work));
    await pin('next tab');
    await Promise.all(extended);
    expect([...(await new Store(SCOPE.href).loadState()).pins.keys()]).toContain('next tab');
  });

  it('C14 does not have the files forgotten of one that arrives meanwhile', async () => {
    const { updates, releases } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    await app.repository.release({
      'vouchsafe.json': manifestWith({ offline_seconds: 61 }),
      'index.html': 'three',
      'three.js': 'three',
    });
    // The next release's manifest is on its way when a page opens.
    const held = () => {
      let goOn = () => {};
      const until = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return { goOn, until };
    };
    const manifest = held();
    const asked = held();
    app.repository.answer = (path) => {
      if (!path.endsWith('vouchsafe.json')) return undefined;
      asked.goOn();
      return manifest.until.then(() => new Response(app.repository.files.get(path)?.slice()));
    };
    const updating = updates.update();
    await asked.until;
    // What nobody needs then is known, but not forgotten yet.
    const disk = held();
    const decided = held();
    const { keepFiles } = Store.prototype;
    vi.spyOn(Store.prototype, 'keepFiles').mockImplementationOnce(async function (this: Store, hashes) {
      decided.goOn();
      await disk.until;
      return keepFiles.call(this, hashes);
    });
    const extended: Promise<unknown>[] = [];
    await updates.activateForNavigation((work) => extended.push(work));
    await decided.until;
    manifest.goOn();
    // As long as it takes to stage it, if nothing is waited for.
    const turns = async () => {
      for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    await Promise.race([updating, turns()]);
    disk.goOn();
    expect(await updating).toMatchObject({ outcome: 'staged' });
    await Promise.all(extended);
    const stored = await new Store(SCOPE.href).storedHashes();
    const wanted = [...((await releases.staged?.targets.all())?.values() ?? [])].map(({ hashes }) => hashes.sha256 ?? '');
    expect(wanted.filter((hash) => !stored.has(hash))).toEqual([]);
    expect(wanted).toHaveLength(3);
  });

  it('C7 takes the place of another one that a page script has stored under its key, which does not run', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    await updates.activate();
    const store = new Store(SCOPE.href);
    const { releases: records, active = '' } = await store.loadState();
    const [older] = [...records].filter(([key]) => key !== active).map(([, record]) => record);
    if (!older) throw new Error('no older release');
    await store.saveRelease(active, older);
    const life = app.browser.start();
    await life.releases.open();
    expect(life.releases.active).toBeUndefined();
    expect(await life.updates.update()).toMatchObject({ outcome: 'activated', release: { id: active } });
    expect(life.releases.active).toMatchObject({ id: active, trusted: { snapshot: { version: 3 } } });
    expect(life.releases.staged).toBeUndefined();
  });

  it('A14 while a new root takes its keys back does not run', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    await app.repository.rotate({ targets: [await testSigner(90)] });
    await new Store(SCOPE.href).saveRoot(2, app.repository.root, []);
    const goOn = heldActivation();
    const activated = releases.activate();
    await releases.checkAgain();
    goOn();
    expect(await activated).toBeUndefined();
    expect([releases.active, releases.staged]).toEqual([undefined, undefined]);
  });

  it('A14 a new root that takes the keys of what runs back and a release come in one update: it is the active one, and nothing else is left', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const one = releases.active?.key ?? '';
    await release('two');
    await updates.update();
    await releases.activate();
    expect(await releases.get(one)).toBeDefined();
    await release('three');
    await updates.update();
    await app.repository.rotate({ targets: [await testSigner(90)] });
    await release('four');
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(releases.active?.trusted.root.version).toBe(2);
    expect(releases.staged).toBeUndefined();
    expect(await releases.get(one)).toBeUndefined();
  });

  it('A14 while the check against a new root is under way leaves nothing that its keys are taken back of, for pinned pages either', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    const one = releases.active?.key ?? '';
    await release('two');
    await updates.update();
    await app.repository.rotate({ targets: [await testSigner(90)] });
    await new Store(SCOPE.href).saveRoot(2, app.repository.root, []);
    await checkWhileActivating(releases);
    expect([releases.active, releases.staged, await releases.get(one)]).toEqual([undefined, undefined, undefined]);
  });

  it('A14 while the check against a new root is under way stays the active one', async () => {
    const { releases, updates } = app.browser.start();
    await updates.update();
    await release('two');
    await updates.update();
    const two = releases.staged?.id;
    await app.repository.rotate({ timestamp: [await testSigner(90)] });
    await new Store(SCOPE.href).saveRoot(2, app.repository.root, []);
    await checkWhileActivating(releases);
    expect([releases.active?.id, releases.staged]).toEqual([two, undefined]);
    expect(releases.active?.trusted.root.version).toBe(2);
  });
});

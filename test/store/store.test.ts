import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import type { VouchsafeError } from '../../src/tuf/errors.js';

// The speed of a fake for the store's own rules; the browser tests run the same store on real IndexedDB.
const scope = 'https://app.example/';
const name = `vouchsafe ${scope}`;
const bytes = (text: string) => new TextEncoder().encode(text);
const record = (text: string) => ({ rootVersion: 1, timestamp: bytes(text), snapshot: bytes(text), targets: bytes(text) });
const files = (...hashes: string[]) => new Map(hashes.map((hash) => [hash, bytes(`bytes of ${hash}`)]));
const violation = (time: number) => ({ code: 'mismatch', message: '', facts: {}, time, during: 'request' }) as const;

let store: Store;
let failures: VouchsafeError[];
const newStore = () => new Store(scope, (error) => failures.push(error));

beforeEach(() => {
  failures = [];
  store = newStore();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await deleteDB(name);
});

/** Does something to the database behind the store's back, as a script of the page can. */
async function asPage(work: (page: Awaited<ReturnType<typeof openDB>>) => Promise<unknown>): Promise<void> {
  const page = await openDB(name);
  await work(page).finally(() => page.close());
}

describe('small state', () => {
  it('comes back in another life, byte for byte', async () => {
    await store.saveRoot(1, bytes('root 1'), []);
    await store.saveRole('timestamp', bytes('timestamp'));
    await store.saveRelease('one', record('one'));
    await store.stage('two', record('two'), new Map());
    await store.pin('client', 'one', 7);
    await store.saveActivation('prompt');
    const again = newStore();
    expect(await again.loadRoot(1)).toEqual(bytes('root 1'));
    expect(await again.loadRoot(2)).toBeUndefined();
    expect(await again.loadRole('timestamp')).toEqual(bytes('timestamp'));
    expect(await again.loadRole('constructor')).toBeUndefined();
    expect(await again.loadState()).toEqual({
      roots: new Map([[1, bytes('root 1')]]),
      releases: new Map([
        ['one', record('one')],
        ['two', record('two')],
      ]),
      active: undefined,
      staged: 'two',
      pins: new Map([['client', { release: 'one', time: 7 }]]),
      activation: 'prompt',
    });
    expect(again.kept).toBe('indexeddb');
    expect(failures).toEqual([]);
  });

  it('is there as soon as it was read: nobody waits until a transaction that only reads has ended', async () => {
    await store.saveRole('timestamp', bytes('timestamp'));
    const again = newStore();
    await again.loadState();
    const real = IDBTransaction.prototype.dispatchEvent;
    // Of those that begin now.
    const begun = new Set<IDBTransaction>();
    const begin = IDBDatabase.prototype.transaction;
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...more) {
      const transaction = begin.apply(this, more);
      begun.add(transaction);
      return transaction;
    });
    const held: string[] = [];
    vi.spyOn(IDBTransaction.prototype, 'dispatchEvent').mockImplementation(function (this: IDBTransaction, event) {
      if (!begun.has(this)) return real.call(this, event);
      held.push(event.type);
      return true;
    });
    expect(await again.loadRole('timestamp')).toEqual(bytes('timestamp'));
    expect(again.kept).toBe('indexeddb');
    await vi.waitFor(() => expect(held).toEqual(['complete']));
  });

  it('A9 saves a root and discards the roles it recovers from in one step', async () => {
    for (const role of ['timestamp', 'snapshot', 'targets']) await store.saveRole(role, bytes('fast-forwarded'));
    await store.saveRoot(2, bytes('root 2'), ['timestamp', 'snapshot']);
    for (const life of [store, newStore()]) {
      expect(await life.loadRole('timestamp')).toBeUndefined();
      expect(await life.loadRole('snapshot')).toBeUndefined();
      expect(await life.loadRole('targets')).toEqual(bytes('fast-forwarded'));
    }
  });

  it('activates a release: it is no longer staged, another one still is', async () => {
    await store.stage('one', record('one'), new Map());
    await newStore().activate('one');
    expect(await newStore().loadState()).toMatchObject({ active: 'one', staged: undefined });
    await store.stage('two', record('two'), new Map());
    await store.activate('one');
    expect(await newStore().loadState()).toMatchObject({ active: 'one', staged: 'two' });
  });

  it('forgets the releases and pins that nobody wants, and never the active and the staged release', async () => {
    await store.stage('active', record('a'), new Map());
    await store.activate('active');
    await store.stage('staged', record('s'), new Map());
    for (const key of ['pinned', 'old']) {
      await store.saveRelease(key, record(key));
      await store.pin(`client of ${key}`, key, 1);
    }
    await newStore().keep(new Set(['pinned']), (client) => client === 'client of pinned');
    const { releases, pins } = await newStore().loadState();
    expect([...releases.keys()].sort()).toEqual(['active', 'pinned', 'staged']);
    expect([...pins.keys()]).toEqual(['client of pinned']);
  });

  it('C7 takes no other shape', async () => {
    await store.saveRoot(1, bytes('root'), []);
    await asPage(async (page) => {
      await page.put('roots', { length: 4 }, 1);
      await page.put('roots', bytes('root'), 'two');
      await page.put('metadata', ['x'], 'timestamp');
      const cyclic: Record<string, unknown> = { rootVersion: 1 };
      cyclic.timestamp = cyclic;
      await page.put('releases', cyclic, 'one');
      await page.put('releases', record('x'), 3);
      await page.put('state', { toString: 'one' }, 'active');
      await page.put('pins', null, 'client');
    });
    for (const life of [store, newStore()]) {
      expect(await life.loadRoot(1)).toBeUndefined();
      expect(await life.loadRole('timestamp')).toBeUndefined();
      expect(await life.loadState()).toEqual({
        roots: new Map(),
        releases: new Map(),
        pins: new Map(),
        active: undefined,
        staged: undefined,
        activation: undefined,
      });
    }
    expect(failures).toEqual([]);
  });
});

describe('the lot', () => {
  it('C7 is from 0 to 99 and stays, whatever a page has put in its place', async () => {
    const lot = await store.lot();
    expect(await newStore().lot()).toBe(lot);
    for (const forged of ['100', '-1', '1.5', 'x', '1e9', 'Infinity', { valueOf: 7 }, 7]) {
      await asPage((page) => page.put('state', forged, 'lot'));
      const drawn = await newStore().lot();
      expect(Number.isInteger(drawn) && drawn >= 0 && drawn < 100, `${forged} ${drawn}`).toBe(true);
      expect(await newStore().lot()).toBe(drawn);
    }
  });
});

describe('violations', () => {
  it('are the newest hundred, and each says once that it was not reported', async () => {
    for (let time = 0; time < 103; time++) await store.saveViolation(violation(time));
    const times = (await store.loadViolations()).map(({ time }) => time);
    expect(times).toHaveLength(100);
    expect([times[0], times[99]]).toEqual([3, 102]);
    const unreported = await store.unreported();
    expect(unreported.size).toBe(100);
    await store.markReported([...unreported.keys()].slice(1));
    expect([...(await newStore().unreported()).values()]).toEqual([violation(3)]);
    expect((await store.loadViolations())[1]).toEqual(violation(4));
  });

  it('C7 can be added after a page used the keys up, and have no other shape', async () => {
    await store.saveViolation(violation(1));
    await asPage(async (page) => {
      await page.put('violations', 'text', 2 ** 53);
      await page.put('violations', null, 0);
      await page.put('violations', violation(9), 'text');
      for (const [i, fact] of [{}, ['x'], null, true, new Date(), 1n].entries())
        await page.put('violations', { ...violation(i), facts: { fact } }, i - 0.5);
    });
    await store.saveViolation(violation(2));
    expect(await store.loadViolations()).toEqual([violation(1), violation(2)]);
    await store.saveViolation({ ...violation(3), facts: { status: 1, path: 'x' } });
    expect((await store.loadViolations())[2]?.facts).toEqual({ status: 1, path: 'x' });
  });

  it('C7 go on to be added, and files to be kept, whatever keys a page has chosen', async () => {
    await store.saveViolation(violation(0));
    for (const key of [Number.NEGATIVE_INFINITY, -5, 0.5, 2 ** 52 - 1, 2 ** 52 - 0.5, 2 ** 52, Number.POSITIVE_INFINITY]) {
      await asPage(async (page) => {
        for (const each of ['violations', 'indexes', 'packs']) await page.put(each, 'text', key);
      });
      store = newStore();
      for (const time of [1, 2, 3]) {
        await store.saveViolation(violation(time));
        await store.saveFiles(files(`${key}/${time}`));
      }
      const again = newStore();
      expect((await again.loadViolations()).slice(-3), `${key}`).toEqual([1, 2, 3].map(violation));
      for (const time of [1, 2, 3]) expect(await again.loadFile(`${key}/${time}`), `${key}`).toBeDefined();
    }
  });
});

describe('a database that cannot be used', () => {
  it('C8 is started over when a page has deleted it, and what this life knows is not lost', async () => {
    await store.saveRole('timestamp', bytes('timestamp'));
    await store.saveFiles(files('ab'));
    await store.loadFile('ab');
    await deleteDB(name);
    await store.saveFiles(files('cd'));
    expect(await store.loadFile('ab')).toBeUndefined();
    expect(await store.loadFile('cd')).toEqual(bytes('bytes of cd'));
    expect(await newStore().loadRole('timestamp')).toEqual(bytes('timestamp'));
    expect(failures).toEqual([]);
  });

  it('C8 is started over when a page has raised its version or made it first', async () => {
    (await openDB(name, 99)).close();
    await store.saveFiles(files('ab'));
    expect(await newStore().loadFile('ab')).toEqual(bytes('bytes of ab'));
    await deleteDB(name);
    const made = await openDB(name, 2, {
      upgrade(page) {
        for (const each of ['roots', 'metadata', 'releases', 'state', 'pins', 'indexes', 'violations'])
          page.createObjectStore(each);
        page.createObjectStore('packs', { keyPath: 'trap' });
      },
    });
    made.close();
    const again = newStore();
    await again.saveFiles(files('ab'));
    expect(await newStore().loadFile('ab')).toEqual(bytes('bytes of ab'));
    expect(failures).toEqual([]);
  });

  it('C8 held by a page is told once; this life goes on in memory, and what it knows is written when the page lets go', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const page = await openDB(name, 99);
    const saved = store.saveRole('timestamp', bytes('newer'));
    const state = store.loadState();
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all([saved, state]);
    expect(store.kept).toBe('memory');
    expect(failures.map(({ code }) => code)).toEqual(['storage']);
    await store.stage('one', record('one'), new Map());
    await store.activate('one');
    await store.saveFiles(files('ab'));
    expect(await store.loadFile('ab')).toBeUndefined();
    expect(await store.storedHashes()).toEqual(new Set());
    await expect(store.loadViolations()).rejects.toMatchObject({ code: 'storage' });
    expect(await store.loadRole('timestamp')).toEqual(bytes('newer'));
    expect(await store.loadState()).toMatchObject({ active: 'one', staged: undefined });
    expect(failures).toHaveLength(1);
    page.close();
    vi.useRealTimers();
    vi.setSystemTime(Date.now() + 60_000);
    await expect
      .poll(async () => {
        await store.loadRole('timestamp');
        return store.kept;
      })
      .toBe('indexeddb');
    const again = newStore();
    expect(await again.loadRole('timestamp')).toEqual(bytes('newer'));
    expect(await again.loadState()).toMatchObject({ active: 'one' });
  });

  it('A5 C8 that comes back is not rolled back: what this life never read may be newer than what it was given', async () => {
    await store.saveRoot(1, bytes('root'), []);
    await store.saveRole('timestamp', bytes('newer'));
    await store.saveRole('targets', bytes('fast-forwarded'));
    const { open } = indexedDB;
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    const later = newStore();
    expect(await later.loadRole('timestamp')).toBeUndefined();
    await later.saveRole('timestamp', bytes('older'));
    await later.saveRole('snapshot', bytes('first'));
    // What a root discards goes in any case.
    await later.saveRoot(2, bytes('root 2'), ['targets']);
    expect(await later.loadRole('timestamp')).toEqual(bytes('older'));
    vi.spyOn(indexedDB, 'open').mockImplementation((...names) => open.apply(indexedDB, names));
    vi.setSystemTime(Date.now() + 60_000);
    await expect
      .poll(async () => {
        await later.loadRole('snapshot');
        return later.kept;
      })
      .toBe('indexeddb');
    for (const life of [later, newStore()]) {
      expect(await life.loadRole('timestamp')).toEqual(bytes('newer'));
      expect(await life.loadRole('snapshot')).toEqual(bytes('first'));
      expect(await life.loadRole('targets')).toBeUndefined();
    }
    // What it has seen it may replace.
    await later.saveRole('timestamp', bytes('newest'));
    expect(await newStore().loadRole('timestamp')).toEqual(bytes('newest'));
  });

  it('C8 with a transaction that a page never ends fails in time, and is used again afterwards', async () => {
    await store.saveRole('timestamp', bytes('old'));
    const page = await openDB(name);
    const transaction = page.transaction('metadata', 'readwrite');
    let held = true;
    const hold = async () => {
      while (held) await transaction.store.get('timestamp');
    };
    const holding = hold();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const saved = store.saveRole('timestamp', bytes('new'));
    await vi.advanceTimersByTimeAsync(20_000);
    await saved;
    expect(failures.map(({ code }) => code)).toEqual(['storage']);
    expect(await store.loadRole('timestamp')).toEqual(bytes('new'));
    held = false;
    await holding;
    page.close();
    vi.useRealTimers();
    vi.setSystemTime(Date.now() + 60_000);
    await expect
      .poll(async () => {
        await store.loadRole('timestamp');
        return store.kept;
      })
      .toBe('indexeddb');
    expect(await newStore().loadRole('timestamp')).toEqual(bytes('new'));
  });

  it('is private mode when opening throws: everything goes on in memory', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    await store.saveRoot(2, bytes('root'), []);
    expect((await store.loadState()).roots).toEqual(new Map([[2, bytes('root')]]));
    await store.saveFiles(files('ab'));
    await store.keepFiles(new Set());
    expect(failures).toHaveLength(1);
  });

  it('that is full says so, and is used on', async () => {
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await expect(store.saveFiles(files('ab'))).rejects.toMatchObject({ code: 'quota' });
    expect(store.kept).toBe('indexeddb');
    await store.saveFiles(files('ab'));
    expect(await store.loadFile('ab')).toEqual(bytes('bytes of ab'));
    expect(failures).toEqual([]);
  });

  it('C8 that is full forgets releases later, and does not keep the files for that', async () => {
    const full = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await expect(store.pin('client', '1-a', 1)).rejects.toMatchObject({ code: 'quota' });
    await expect(store.saveActivation('prompt')).rejects.toMatchObject({ code: 'quota' });
    await store.keep(new Set(), () => false);
    full.mockRestore();
    await store.saveRole('timestamp', bytes('x'));
    expect(await newStore().loadState()).toMatchObject({ pins: new Map(), activation: 'prompt' });
  });

  it('C8 that is full draws a lot all the same', async () => {
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    const lot = await store.lot();
    expect(lot).toBeLessThan(100);
    expect(await store.lot()).toBe(lot);
  });

  it('C8 that was full does not stage later what could not be staged then', async () => {
    const record = { rootVersion: 1, timestamp: bytes('t'), snapshot: bytes('s'), targets: bytes('g') };
    await store.stage('1-a', record, new Map());
    const full = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await expect(store.stage('2-b', record, new Map())).rejects.toMatchObject({ code: 'quota' });
    full.mockRestore();
    await store.saveRole('timestamp', bytes('x'));
    for (const life of [store, newStore()]) {
      const { staged, releases } = await life.loadState();
      expect([staged, [...releases.keys()]]).toEqual(['1-a', ['1-a']]);
    }
  });

  it('forgets everything when told to', async () => {
    await store.saveRole('timestamp', bytes('x'));
    await store.saveFiles(files('ab'));
    await store.clear();
    expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(name);
    expect(await store.loadRole('timestamp')).toBeUndefined();
    expect(await store.loadFile('ab')).toBeUndefined();
  });

  it('C8 whose state has been read is not taken for empty, although something else failed meanwhile', async () => {
    await store.saveRoot(1, bytes('root'), []);
    const life = newStore();
    life.prepare();
    const { get } = IDBObjectStore.prototype;
    const failing = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
      if (key === 'targets') throw new DOMException('damaged', 'UnknownError');
      return get.call(this, key);
    });
    await life.loadRole('targets');
    failing.mockRestore();
    expect((await life.loadState()).roots).toEqual(new Map([[1, bytes('root')]]));
    expect(life.hasRead).toBe(true);
  });

  it('keeps nothing of what was being read meanwhile', async () => {
    await store.saveRoot(1, bytes('root'), []);
    const life = newStore();
    life.prepare();
    await life.clear();
    expect((await life.loadState()).roots).toEqual(new Map());
  });

  it('keeps nothing after that, whatever is still under way', async () => {
    const saving = store.saveRole('timestamp', bytes('x'));
    await store.clear();
    await saving;
    await store.saveRole('snapshot', bytes('y'));
    await store.saveFiles(files('ab'));
    await store.saveViolation(violation(1)).catch(() => {});
    await store.loadState();
    expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(name);
    expect(store.kept).toBe('memory');
    expect(await newStore().loadRole('snapshot')).toBeUndefined();
  });
});

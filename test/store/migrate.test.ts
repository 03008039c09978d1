import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { deleteDB, type IDBPDatabase, openDB } from 'idb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import type { VouchsafeError } from '../../src/tuf/errors.js';

// A database as the first worker's store wrote it, one record for each of its methods.
interface Dump {
  readonly version: number;
  readonly stores: readonly { name: string; keyPath: null; autoIncrement: boolean; records: [IDBValidKey, unknown][] }[];
}
const dump = JSON.parse(readFileSync(new URL('./schema-1.json', import.meta.url), 'utf8'), (_key, value) =>
  typeof value?.base64 === 'string' ? new Uint8Array(Buffer.from(value.base64, 'base64')) : value,
) as Dump;

const scope = 'https://migration.example/';
const name = `vouchsafe ${scope}`;
const bytes = (text: string) => new TextEncoder().encode(text);
const record = (text: string) => ({
  rootVersion: 2,
  timestamp: bytes(`timestamp of ${text}`),
  snapshot: bytes(`snapshot of ${text}`),
});
const oldRecord = (text: string) => ({ ...record(text), targets: bytes(`targets of ${text}`) });
const HASHES = ['a1'.repeat(32), 'b2'.repeat(64), 'c3'.repeat(32)];

afterEach(async () => {
  vi.restoreAllMocks();
  await deleteDB(name);
});

async function oldDatabase(change: (old: IDBPDatabase) => Promise<unknown> = async () => {}): Promise<void> {
  const old = await openDB(name, dump.version, {
    upgrade(database) {
      for (const { name: store, keyPath, autoIncrement } of dump.stores)
        database.createObjectStore(store, { keyPath, autoIncrement });
    },
  });
  for (const { name: store, records } of dump.stores) for (const [key, value] of records) await old.put(store, value, key);
  await change(old);
  old.close();
}

function newStore(): { store: Store; failures: VouchsafeError[] } {
  const failures: VouchsafeError[] = [];
  return { store: new Store(scope, (error) => failures.push(error)), failures };
}

describe('from schema 1', () => {
  it('everything is there', async () => {
    await oldDatabase();
    const { store, failures } = newStore();
    expect(await store.loadState()).toEqual({
      roots: new Map([
        [1, bytes('root 1')],
        [2, bytes('root 2')],
      ]),
      releases: new Map([
        ['active', record('two')],
        ['retired', record('one')],
        ['staged', record('three')],
      ]),
      active: 'active',
      staged: 'staged',
      pins: new Map(),
      activation: undefined,
    });
    for (const [key, text] of [
      ['active', 'two'],
      ['retired', 'one'],
      ['staged', 'three'],
    ] as const)
      expect(await store.loadDocument(key, 'targets')).toEqual(bytes(`targets of ${text}`));
    for (const role of ['timestamp', 'snapshot', 'targets']) expect(await store.loadRole(role)).toEqual(bytes(`newest ${role}`));
    expect(await store.storedHashes()).toEqual(new Set(HASHES));
    expect(await Promise.all(HASHES.map((hash) => store.loadFile(hash)))).toEqual([bytes('first'), bytes('second'), bytes('')]);
    await store.saveViolation({ code: 'expired', message: '', facts: {}, time: 3, during: 'update' });
    expect((await store.loadViolations()).map(({ time }) => time)).toEqual([1, 2, 3]);
    expect(failures).toEqual([]);
    const database = await openDB(name);
    expect([...database.objectStoreNames]).not.toContain('files');
    expect(await database.count('packs')).toBe(1);
    database.close();
  });

  it('files become packs of some megabytes', async () => {
    await oldDatabase(async (old) => {
      for (let i = 0; i < 5; i++) await old.put('files', new Uint8Array(2 ** 21).fill(i), `${i}`);
    });
    const { store } = newStore();
    for (let i = 0; i < 5; i++) expect((await store.loadFile(`${i}`))?.[0]).toBe(i);
    const database = await openDB(name);
    expect((await database.getAll('packs')).map(({ length }) => length / 2 ** 20)).toEqual([4, 4, 2 + 11 / 2 ** 20]);
    database.close();
  });

  it('C7 damaged shapes do not stand in the way', async () => {
    await oldDatabase(async (old) => {
      const cyclic: Record<string, unknown> = {};
      cyclic.self = cyclic;
      for (const [key, value] of [
        [HASHES[0], cyclic],
        [1, bytes('x')],
        [[1], null],
      ] as [IDBValidKey, unknown][])
        await old.put('files', value, key);
      await old.put('releases', cyclic, 'staged');
      await old.put('releases', cyclic, 7);
      await old.put('violations', cyclic, 'text');
    });
    const { store, failures } = newStore();
    expect(await store.loadState()).toMatchObject({ active: 'active', staged: 'staged' });
    expect([...(await store.loadState()).releases.keys()]).toEqual(['active', 'retired']);
    expect(await store.storedHashes()).toEqual(new Set(HASHES.slice(1)));
    expect(await store.loadViolations()).toHaveLength(2);
    expect(failures).toEqual([]);
  });

  it('C8 object stores that a page made beforehand, as we do not make them, are made anew', async () => {
    const page = await openDB(name, 1, {
      upgrade(database) {
        database.createObjectStore('roots');
        database.createObjectStore('state', { keyPath: 'trap' });
        database.createObjectStore('pins').createIndex('trap', 'time', { unique: true });
        database.createObjectStore('releases');
      },
    });
    await page.put('roots', bytes('root 1'), 1);
    await page.put('releases', oldRecord('two'), 'active');
    page.close();
    const { store, failures } = newStore();
    await store.pin('one', 'active', 1);
    await store.pin('two', 'active', 1);
    const { store: again } = newStore();
    expect(await again.loadState()).toMatchObject({ active: 'active', roots: new Map([[1, bytes('root 1')]]) });
    expect((await again.loadState()).pins.size).toBe(2);
    expect(failures).toEqual([]);
  });

  it('without room for the files twice, everything but the files is there', async () => {
    await oldDatabase();
    const put = IDBObjectStore.prototype.put;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
      if (this.name === 'packs') throw new DOMException('full', 'QuotaExceededError');
      return put.apply(this, args);
    });
    const { store, failures } = newStore();
    expect((await store.loadState()).releases.get('active')).toEqual(record('two'));
    expect(await store.storedHashes()).toEqual(new Set());
    expect(await store.loadRole('timestamp')).toEqual(bytes('newest timestamp'));
    expect(failures).toEqual([]);
  });
});

describe('from schema 2', () => {
  const STORES = ['roots', 'metadata', 'releases', 'state', 'pins', 'packs', 'indexes', 'violations'];

  async function database2(change: (old: IDBPDatabase) => Promise<unknown>): Promise<void> {
    const old = await openDB(name, 2, {
      upgrade(database) {
        for (const store of STORES) database.createObjectStore(store);
      },
    });
    await change(old);
    old.close();
  }

  it('the targets metadata of each release is among its documents, all else is as it was', async () => {
    await database2(async (old) => {
      await old.put('releases', oldRecord('one'), '1-a');
      await old.put('releases', oldRecord('two'), '2-b');
      await old.put('state', '2-b', 'active');
      await old.put('packs', bytes('file'), 1);
      await old.put('indexes', { hashes: HASHES[0], ends: Uint32Array.of(4) }, 1);
    });
    const { store, failures } = newStore();
    const { active, releases } = await store.loadState();
    expect(active).toBe('2-b');
    expect(releases).toEqual(
      new Map([
        ['1-a', record('one')],
        ['2-b', record('two')],
      ]),
    );
    expect(await store.loadDocument('1-a', 'targets')).toEqual(bytes('targets of one'));
    expect(await store.loadDocument('2-b', 'targets')).toEqual(bytes('targets of two'));
    expect(await store.loadFile(HASHES[0] ?? '')).toEqual(bytes('file'));
    expect(failures).toEqual([]);
  });

  it('C7 records of another shape do not stand in the way', async () => {
    await database2(async (old) => {
      await old.put('releases', oldRecord('one'), '1-a');
      await old.put('releases', oldRecord('one'), 7);
      await old.put('releases', 'evil', 'text');
      await old.put('releases', null, 'null');
      await old.put('releases', { ...record('two'), targets: 'evil' }, '2-b');
    });
    const { store, failures } = newStore();
    expect([...(await store.loadState()).releases.keys()]).toEqual(['1-a', '2-b']);
    expect(await store.loadDocument('1-a', 'targets')).toEqual(bytes('targets of one'));
    expect(await store.loadDocument('2-b', 'targets')).toBeUndefined();
    expect(failures).toEqual([]);
  });
});

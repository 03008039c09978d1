import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Store } from '../../src/store/store.js';

// The speed of a fake for the store's own rules; the browser tests run the same store on real IndexedDB.
const scope = 'https://app.example/';
const name = `vouchsafe ${scope}`;
const bytes = (text: string) => new TextEncoder().encode(text);
const record = (text: string) => ({ rootVersion: 1, timestamp: bytes(text), snapshot: bytes(text), targets: bytes(text) });

let store: Store;
beforeEach(() => {
  store = new Store(scope);
});
afterEach(() => deleteDB(name));

describe('Store', () => {
  it('gives back what it was given, byte for byte', async () => {
    await store.saveRoot(1, bytes('root 1'), []);
    await store.saveRole('timestamp', bytes('timestamp'));
    await store.saveFile('ab', bytes('file'));
    await store.saveRelease('staged', record('staged'));
    const again = new Store(scope);
    expect(await again.loadRoot(1)).toEqual(bytes('root 1'));
    expect(await again.loadRoot(2)).toBeUndefined();
    expect(await again.loadRole('timestamp')).toEqual(bytes('timestamp'));
    expect(await again.loadRole('constructor')).toBeUndefined();
    expect(await again.loadFile('ab')).toEqual(bytes('file'));
    expect(await again.loadState()).toEqual({
      roots: new Map([[1, bytes('root 1')]]),
      active: undefined,
      staged: record('staged'),
    });
  });

  it('A9 saves a root and discards the roles it recovers from in one step', async () => {
    await store.saveRole('timestamp', bytes('fast-forwarded'));
    await store.saveRole('snapshot', bytes('fast-forwarded'));
    await store.saveRole('targets', bytes('kept'));
    await store.saveRoot(2, bytes('root 2'), ['timestamp', 'snapshot']);
    expect(await store.loadRole('timestamp')).toBeUndefined();
    expect(await store.loadRole('snapshot')).toBeUndefined();
    expect(await store.loadRole('targets')).toEqual(bytes('kept'));
  });

  it('activates a release, retires the one before and forgets the staged one', async () => {
    await store.saveRelease('active', record('old'));
    await store.saveRelease('staged', record('new'));
    await store.activate(record('new'));
    expect(await store.loadState()).toMatchObject({ active: record('new'), staged: undefined, retired: record('old') });
  });

  it('forgets the files that nobody wants', async () => {
    for (const hash of ['old', 'shared', 'new']) await store.saveFile(hash, bytes(hash));
    await store.keepFiles(new Set(['shared', 'new']));
    expect(await store.storedHashes()).toEqual(new Set(['shared', 'new']));
  });

  it('keeps the newest hundred violations', async () => {
    for (let time = 0; time < 103; time++)
      await store.saveViolation({ code: 'mismatch', message: '', facts: {}, time, during: 'request' });
    const times = (await store.loadViolations()).map((violation) => violation.time);
    expect(times).toHaveLength(100);
    expect([times[0], times[99]]).toEqual([3, 102]);
  });

  it('C7 takes no other shape for metadata and files', async () => {
    await store.saveRoot(1, bytes('root'), []);
    const page = await openDB(name);
    await page.put('roots', { length: 4 }, 1);
    await page.put('metadata', ['x'], 'timestamp');
    await page.put('files', 'text', 'ab');
    page.close();
    expect(await store.loadRoot(1)).toBeUndefined();
    expect(await store.loadRole('timestamp')).toBeUndefined();
    expect(await store.loadFile('ab')).toBeUndefined();
  });

  it('C8 starts over when a page has deleted the database under it', async () => {
    await store.saveFile('ab', bytes('file'));
    await deleteDB(name);
    expect(await store.loadFile('ab')).toBeUndefined();
    await store.saveFile('ab', bytes('again'));
    expect(await store.loadFile('ab')).toEqual(bytes('again'));
  });

  it('C8 starts over when a page has raised its version or made it first', async () => {
    (await openDB(name, 99)).close();
    expect(await store.loadFile('ab')).toBeUndefined();
    await deleteDB(name);
    (await openDB(name, 1)).close();
    await store.saveFile('ab', bytes('file'));
    expect(await store.loadFile('ab')).toEqual(bytes('file'));
  });

  it('C8 fails with its code, and in time, when another page will not let go of an unusable database', async () => {
    const page = await openDB(name, 99);
    await expect(store.loadFile('ab')).rejects.toMatchObject({ code: 'storage' });
    page.close();
    await expect.poll(() => store.loadFile('ab').catch((error) => error.code)).toBeUndefined();
  });
});

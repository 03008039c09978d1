import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import { freeMemory } from '../../src/tuf/free-memory.js';
import { asPage, bytes, files, MIB, packKeys, SCOPE, store, storeForEach } from './stored-files.js';

storeForEach();

describe('chunks', () => {
  const chunk = (n: number) => new Uint8Array(MIB / 4).fill(n);
  const chunks = (...numbers: number[]) => new Map(numbers.map((n) => [`chunk-${n}`, chunk(n)]));
  /** Which number's it is; `toEqual` takes seconds for so many bytes. */
  const numberOf = (own: Uint8Array | undefined) =>
    own && own.length === MIB / 4 && own.every((byte) => byte === own[0]) ? own[0] : undefined;
  const packs = () => asPage((page) => page.getAll('packs'));
  const putOfPage = IDBObjectStore.prototype.put;
  const putWithoutBlobs = (fail: (store: IDBObjectStore) => IDBRequest<IDBValidKey>) =>
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
      return value instanceof Blob ? fail(this) : putOfPage.call(this, value, key);
    });

  it('are stored as Blobs, and come back in this life and another, in order or not, from either reader', async () => {
    await store.saveChunks(chunks(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    await store.saveChunks(new Map([...chunks(10), ['short', bytes('short')], ['empty', new Uint8Array()]]));
    for (const pack of await packs()) expect(pack).toBeInstanceOf(Blob);
    for (const life of [store, new Store(SCOPE)]) {
      const read = life.fileReader();
      for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3, 8, 4, 5, 2, 0, 10]) expect(numberOf(await read(`chunk-${n}`))).toBe(n);
      expect(await read('short')).toEqual(bytes('short'));
      expect(await read('empty')).toEqual(new Uint8Array());
      for (const n of [4, 10]) expect(numberOf(await life.loadFile(`chunk-${n}`))).toBe(n);
      for (const n of [5, 10]) expect(numberOf(await read(`chunk-${n}`))).toBe(n);
      expect(life.kept).toBe('indexeddb');
    }
  });

  it('are read alone by who wants one, and a mebibyte at a time by who goes on', async () => {
    await store.saveChunks(chunks(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
    const sizes = vi.spyOn(Blob.prototype, 'slice');
    const life = new Store(SCOPE);
    await life.fileReader()('chunk-0');
    const read = life.fileReader();
    for (let n = 3; n < 12; n++) await read(`chunk-${n}`);
    expect(sizes.mock.calls.map(([begin = 0, end = 0]) => (end - begin) / MIB)).toEqual([1 / 4, 1 / 4, 1, 1]);
    // Also where those of another file are in between.
    sizes.mockClear();
    const other = life.fileReader();
    for (const n of [0, 5, 6, 7, 8]) await other(`chunk-${n}`);
    expect(sizes).toHaveBeenCalledTimes(2);
  });

  it('C7 that are read are their reader’s own: who writes to them, or frees them, alters nothing for others', async () => {
    await store.saveChunks(chunks(0, 1, 2, 3));
    await store.saveChunks(chunks(7));
    const again = new Store(SCOPE);
    const read = again.fileReader();
    const all: (Uint8Array | undefined)[] = [];
    for (const n of [0, 1, 2, 2, 3, 7, 3, 1, 7]) {
      const own = await read(`chunk-${n}`);
      expect(numberOf(own)).toBe(n);
      own?.fill(99);
      all.push(own);
    }
    for (const own of all) if (own) freeMemory(own);
    for (const n of [3, 7]) expect(numberOf(await read(`chunk-${n}`))).toBe(n);
  });

  it('are read anew after a clean-up, when another pack has the key of theirs', async () => {
    await store.saveChunks(chunks(0, 1, 2, 3));
    const read = store.fileReader();
    for (const n of [0, 1]) expect(numberOf(await read(`chunk-${n}`))).toBe(n);
    await store.keepFiles(new Set());
    await store.saveChunks(chunks(7, 8, 9));
    expect(await packKeys()).toEqual([1]);
    expect(numberOf(await read('chunk-8'))).toBe(8);
  });

  it.each([
    [
      'at once',
      () => {
        throw new DOMException('no Blobs', 'DataCloneError');
      },
    ],
    [
      'at the end',
      (packs: IDBObjectStore) => {
        const putting = putOfPage.call(packs, 'text', 0);
        // As Chromium does, which writes them when all else is done.
        putting.onsuccess = () => packs.transaction.abort();
        return putting;
      },
    ],
    // A key that is there fails as WebKit’s request does: with the whole transaction.
    [
      'later',
      (packs: IDBObjectStore) => {
        putOfPage.call(packs, 'text', 0);
        return packs.add('text', 0);
      },
    ],
  ])('C8 are stored as bytes where an engine refuses Blobs %s, which is tried once in a life and told nobody', async (_, fail) => {
    const put = putWithoutBlobs(fail);
    for (const n of [0, 1]) await store.saveChunks(chunks(n));
    expect(put.mock.calls.filter(([value]) => value instanceof Blob)).toHaveLength(1);
    expect(store.kept).toBe('indexeddb');
    // Nothing is left of the one that was tried.
    expect(await packKeys()).toEqual([1, 2]);
    expect(await asPage((page) => page.getAllKeys('indexes'))).toEqual([1, 2]);
    for (const life of [store, new Store(SCOPE)])
      for (const n of [0, 1]) expect(numberOf(await life.fileReader()(`chunk-${n}`))).toBe(n);
  });

  it('C8 for which there is no room are not stored, and are Blobs when there is room again', async () => {
    const put = putWithoutBlobs(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await expect(store.saveChunks(chunks(0))).rejects.toMatchObject({ code: 'quota' });
    put.mockRestore();
    expect(await store.storedHashes()).toEqual(new Set());
    await store.saveChunks(chunks(0));
    expect(await packs()).toEqual([expect.any(Blob)]);
  });

  it('C8 that the engine has lost are not there, and bytes when they are stored again', async () => {
    await store.saveChunks(chunks(0, 1));
    const lost = vi.spyOn(Blob.prototype, 'arrayBuffer').mockRejectedValue(new DOMException('gone', 'NotFoundError'));
    const read = store.fileReader();
    for (const hash of ['chunk-0', 'chunk-1']) expect(await read(hash)).toBeUndefined();
    // Each waits for it no second time.
    expect(lost).toHaveBeenCalledTimes(1);
    const other = new Store(SCOPE);
    expect(await other.loadFile('chunk-0')).toBeUndefined();
    await other.saveChunks(chunks(1));
    expect((await packs()).at(-1)).toBeInstanceOf(Uint8Array);
    await store.saveChunks(chunks(0));
    expect(numberOf(await read('chunk-0'))).toBe(0);
    expect((await packs()).at(-1)).toBeInstanceOf(Uint8Array);
    expect(store.kept).toBe('indexeddb');
  });

  it('C7 of which a page made others, shorter ones or none are never taken for longer than they are', async () => {
    await store.saveChunks(chunks(0, 1));
    for (const pack of [new Blob([chunk(0)]), new Blob([]), chunk(0), new Uint8Array(), 'text', { size: MIB / 2 }]) {
      await asPage((page) => page.put('packs', pack, 1));
      expect(await new Store(SCOPE).fileReader()('chunk-1')).toBeUndefined();
      expect(await new Store(SCOPE).loadFile('chunk-1')).toBeUndefined();
    }
    // What this one is, the hash says.
    await asPage((page) => page.put('packs', new Blob([chunk(0), chunk(0)]), 1));
    expect(numberOf(await new Store(SCOPE).fileReader()('chunk-1'))).toBe(0);
  });

  it('are merged with each other, and never with bytes', async () => {
    const numbers = Array.from({ length: 9 }, (_, n) => n);
    for (const n of numbers) {
      await store.saveChunks(chunks(n));
      await store.saveFiles(files(`${n}`));
    }
    await store.saveChunks(new Map([...chunks(20), ['garbage', new Uint8Array(2 * MIB)]]));
    await store.keepFiles(new Set(numbers.flatMap((n) => [`chunk-${n}`, `${n}`]).concat('chunk-20')));
    const sizes = (await packs()).map((pack) => (pack instanceof Blob ? `Blob ${pack.size / MIB}` : 'bytes'));
    expect(sizes.sort()).toEqual(['Blob 0.5', 'Blob 1', 'Blob 1', 'bytes']);
    for (const life of [store, new Store(SCOPE)]) {
      const read = life.fileReader();
      for (const n of [...numbers, 20]) expect(numberOf(await read(`chunk-${n}`))).toBe(n);
      for (const n of numbers) expect(await life.loadFile(`${n}`)).toEqual(bytes(`bytes of ${n}`));
      expect(await life.loadFile('garbage')).toBeUndefined();
    }
  });

  it('C8 that cannot be merged are left as they are, and what nobody wants goes all the same', async () => {
    const numbers = Array.from({ length: 9 }, (_, n) => n);
    for (const n of numbers) await store.saveChunks(chunks(n));
    await store.saveFiles(files('garbage'));
    await store.saveChunks(new Map([...chunks(20), ['garbage-too', new Uint8Array(2 * MIB)]]));
    const put = putWithoutBlobs((all) => {
      const putting = putOfPage.call(all, 'text', 0);
      putting.onsuccess = () => all.transaction.abort();
      return putting;
    });
    const wanted = new Set([...numbers, 20].map((n) => `chunk-${n}`));
    expect(await store.hasGarbage(wanted)).toBe(true);
    for (let i = 0; i < 2; i++) await store.keepFiles(wanted);
    expect(put.mock.calls.filter(([value]) => value instanceof Blob)).toHaveLength(1);
    expect(await packKeys()).toEqual([...numbers.map((n) => n + 1), 11]);
    // Nor is it begun again because of them.
    expect(await store.hasGarbage(wanted)).toBe(false);
    expect(store.kept).toBe('indexeddb');
    for (const n of numbers) expect(numberOf(await store.fileReader()(`chunk-${n}`))).toBe(n);
  });

  it('C8 are tried once where what fails is the database: nobody waits for it twice', async () => {
    await store.saveFiles(files('a'));
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new Error('held');
    });
    await store.saveChunks(chunks(0));
    expect(transaction).toHaveBeenCalledTimes(1);
    expect(store.kept).toBe('memory');
  });

  it('C8 that no database takes are no reason to store no Blobs when it is back', async () => {
    for (const n of [1, 2]) await store.saveChunks(chunks(n));
    const read = store.fileReader();
    expect(numberOf(await read('chunk-1'))).toBe(1);
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('no', 'UnknownError');
    });
    expect(await read('chunk-2')).toBeUndefined();
    await store.saveChunks(chunks(0));
    expect(store.kept).toBe('memory');
    transaction.mockRestore();
    await vi.waitFor(
      async () => {
        expect(numberOf(await read('chunk-2'))).toBe(2);
        await store.saveChunks(chunks(0));
        expect(await packs()).toEqual(Array.from({ length: 3 }, () => expect.any(Blob)));
      },
      { timeout: 5_000 },
    );
  });
});

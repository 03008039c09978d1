import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import { freeMemory } from '../../src/tuf/free-memory.js';
import { asPage, bytes, files, MIB, packKeys, SCOPE, store, storeForEach } from './stored-files.js';

storeForEach();

describe('files', () => {
  it('come back in another life: short and long hashes, empty files', async () => {
    await store.saveFiles(new Map([...files('a'.repeat(64), 'b'.repeat(128)), ['empty', new Uint8Array()]]));
    await store.saveFiles(files('c'));
    const again = new Store(SCOPE);
    expect(await again.loadFile('a'.repeat(64))).toEqual(bytes(`bytes of ${'a'.repeat(64)}`));
    expect(await again.loadFile('b'.repeat(128))).toEqual(bytes(`bytes of ${'b'.repeat(128)}`));
    expect(await again.loadFile('empty')).toEqual(new Uint8Array());
    expect(await again.loadFile('c')).toEqual(bytes('bytes of c'));
    expect(await again.loadFile('d')).toBeUndefined();
    expect(await again.storedHashes()).toEqual(new Set(['a'.repeat(64), 'b'.repeat(128), 'empty', 'c']));
    expect(await packKeys()).toHaveLength(2);
  });

  it('of one pack take one read, however many are asked for at once, and are the same objects until they are to be read again', async () => {
    const hashes = Array.from({ length: 150 }, (_, i) => `hash-${i}`);
    await store.saveFiles(files(...hashes));
    const again = new Store(SCOPE);
    const get = vi.spyOn(IDBObjectStore.prototype, 'get');
    const first = await Promise.all(hashes.map((hash) => again.loadFile(hash)));
    expect(first).toEqual(hashes.map((hash) => bytes(`bytes of ${hash}`)));
    for (const [i, hash] of hashes.entries()) expect(await again.loadFile(hash)).toBe(first[i]);
    expect(get).toHaveBeenCalledTimes(1);
    again.rereadFiles();
    const anew = await again.loadFile('hash-7');
    expect(anew).toEqual(first[7]);
    expect(anew).not.toBe(first[7]);
    expect(get).toHaveBeenCalledTimes(2);
  });

  it('C7 that are read as one’s own are copies: who writes to them, or frees them, alters nothing for others', async () => {
    await store.saveFiles(files('a', 'b'));
    await store.saveFiles(files('alone'));
    const again = new Store(SCOPE);
    const read = again.fileReader();
    for (const hash of ['a', 'b', 'alone', 'a', 'alone']) {
      const own = await read(hash);
      expect(own).toEqual(bytes(`bytes of ${hash}`));
      own?.fill(0);
      if (own) freeMemory(own);
      expect(await read(hash)).toEqual(bytes(`bytes of ${hash}`));
      expect(await again.fileReader()(hash)).toEqual(bytes(`bytes of ${hash}`));
    }
    // Also of what pages are served from.
    const served = await again.loadFile('a');
    (await again.fileReader()('a'))?.fill(0);
    expect(served).toEqual(bytes('bytes of a'));
    expect(await again.loadFile('a')).toBe(served);
  });

  it('that are read in order take one read for each pack, also after others were read, and are read again after a clean-up', async () => {
    await store.saveFiles(files('a', 'b', 'c'));
    await store.saveFiles(files('d', 'e'));
    await store.saveFiles(new Map([['large', new Uint8Array(5 * MIB)]]));
    const again = new Store(SCOPE);
    const read = again.fileReader();
    const get = vi.spyOn(IDBObjectStore.prototype, 'get');
    for (const hash of ['a', 'b', 'c', 'd', 'e']) await read(hash);
    expect(get).toHaveBeenCalledTimes(2);
    // One of its own is not kept.
    await read('large');
    await read('large');
    expect(get).toHaveBeenCalledTimes(4);
    await again.keepFiles(new Set(['b', 'd', 'e']));
    expect(await read('b')).toEqual(bytes('bytes of b'));
    expect(await read('a')).toBeUndefined();
    expect(await read('missing')).toBeUndefined();
  });

  it('are held in memory up to a bound, the last used longest', async () => {
    for (const hash of ['a', 'b', 'c']) await store.saveFiles(new Map([[hash, new Uint8Array(7 * MIB)]]));
    const get = vi.spyOn(IDBObjectStore.prototype, 'get');
    for (const hash of ['a', 'b', 'a', 'c', 'a']) await store.loadFile(hash);
    expect(get).toHaveBeenCalledTimes(3);
    await store.loadFile('b');
    expect(get).toHaveBeenCalledTimes(4);
  });

  it('are read ahead for a page, small packs first, up to the bound; then they are there', async () => {
    const sizes = { large: 9, small: 1, middle: 5, second: 2 };
    for (const [hash, size] of Object.entries(sizes)) await store.saveFiles(new Map([[hash, new Uint8Array((size * MIB) / 8)]]));
    await store.saveChunks(files('chunk'));
    const again = new Store(SCOPE);
    const get = vi.spyOn(IDBObjectStore.prototype, 'get');
    await again.readAhead();
    await again.loadFile('middle');
    // The keys of `small`, `second`, `middle`. Chunks no page waits for, and with `large` it would be more than is read ahead.
    expect(get.mock.calls).toEqual([[2], [4], [3]]);
    for (const hash of ['small', 'second']) await again.loadFile(hash);
    expect(get).toHaveBeenCalledTimes(3);
    expect((await again.loadFile('large'))?.length).toBe((9 * MIB) / 8);
  });

  it('are read ahead from few packs, however many there are', async () => {
    for (let i = 0; i < 30; i++) await store.saveFiles(files(`${i}`));
    const again = new Store(SCOPE);
    const get = vi.spyOn(IDBObjectStore.prototype, 'get');
    await again.readAhead();
    await again.loadFile('29');
    expect(get).toHaveBeenCalledTimes(9);
  });

  it('C8 that cannot be read ahead are no error', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    await expect(store.readAhead()).resolves.toBeUndefined();
    expect(store.kept).toBe('memory');
  });

  it('that were damaged are healed, for this life and the next', async () => {
    await store.saveFiles(files('a', 'b'));
    await asPage((page) => page.put('packs', new Uint8Array(20), 1));
    expect(await store.loadFile('a')).toEqual(new Uint8Array(10));
    await store.saveFiles(files('a'));
    for (const life of [store, new Store(SCOPE)]) {
      expect(await life.loadFile('a')).toEqual(bytes('bytes of a'));
      expect(await life.loadFile('b')).toEqual(new Uint8Array(10));
    }
  });

  it('are healed after somebody emptied the object stores, too', async () => {
    await store.saveFiles(files('a', 'b'));
    await store.loadFile('a');
    await asPage((page) => Promise.all([page.clear('packs'), page.clear('indexes')]));
    await store.saveFiles(files('cc'));
    expect(await store.loadFile('cc')).toEqual(bytes('bytes of cc'));
    expect(await store.storedHashes()).toEqual(new Set(['cc']));
  });

  it('C7 of any other shape are not there, and can be stored again', async () => {
    const cyclic: Record<string, unknown> = { hashes: 'a b' };
    cyclic.ends = cyclic;
    const shapes: [pack: unknown, index: unknown][] = [
      ['text', { hashes: 'a', ends: new Uint32Array([4]) }],
      [new Uint8Array(3), { hashes: 'a', ends: new Uint32Array([2 ** 32 - 1]) }],
      [new Uint8Array(3), { hashes: 'x a', ends: new Uint32Array([3, 1]) }],
      [new Uint8Array(3), { hashes: 'x a', ends: new Uint32Array([3]) }],
      [new Uint8Array(3), { hashes: ['a'], ends: [3] }],
      [new Uint8Array(3), cyclic],
      [new Uint8Array(3), null],
      [undefined, { hashes: 'a', ends: new Uint32Array([3]) }],
      [new ArrayBuffer(3), { hashes: 'a', ends: new Uint32Array([3]) }],
    ];
    for (const [pack, index] of shapes) {
      await store.saveFiles(files('a'));
      await asPage(async (page) => {
        await page.put('packs', pack, 1);
        await page.put('indexes', index, 1);
      });
      const again = new Store(SCOPE);
      expect(await again.loadFile('a')).toBeUndefined();
      await again.saveFiles(files('a'));
      await again.keepFiles(new Set(['a']));
      for (const life of [again, new Store(SCOPE)]) expect(await life.loadFile('a')).toEqual(bytes('bytes of a'));
      await again.clear();
    }
  });

  it('C7 can be stored after a page used the keys up', async () => {
    await store.saveFiles(files('a'));
    await asPage(async (page) => {
      for (const key of [2 ** 53, Number.POSITIVE_INFINITY, 'text', new Date(), [1]]) {
        await page.put('packs', new Uint8Array(3), key);
        await page.put('indexes', { hashes: 'a', ends: new Uint32Array([3]) }, key);
      }
    });
    const again = new Store(SCOPE);
    await again.saveFiles(files('a'));
    for (const life of [again, new Store(SCOPE)]) expect(await life.loadFile('a')).toEqual(bytes('bytes of a'));
    expect(await packKeys()).toEqual([1, 2]);
  });
});

it('C7 files in a pack never overlap, whatever a page says where they end', async () => {
  await store.saveFiles(files('a'));
  await asPage((page) => page.put('indexes', { hashes: 'x y z', ends: new Uint32Array([3, 0, 3]) }, 1));
  const again = new Store(SCOPE);
  expect((await again.loadFile('x'))?.length).toBe(3);
  expect((await again.loadFile('z'))?.length).toBe(0);
});

describe('keepFiles', () => {
  it('forgets the files that nobody wants', async () => {
    for (const hash of ['old', 'shared', 'new']) await store.saveFiles(files(hash));
    await store.keepFiles(new Set(['shared', 'new']));
    expect(await store.storedHashes()).toEqual(new Set(['shared', 'new']));
    expect(await store.loadFile('old')).toBeUndefined();
    expect(await store.loadFile('new')).toEqual(bytes('bytes of new'));
    expect(await packKeys()).toEqual([2, 3]);
  });

  it('rewrites a pack that is mostly garbage, and no other', async () => {
    await store.saveFiles(new Map([...files('kept'), ['garbage', new Uint8Array(2 * MIB)]]));
    await store.saveFiles(new Map([...files('kept-too', 'small-garbage'), ['large', new Uint8Array(2 * MIB)]]));
    await store.keepFiles(new Set(['kept', 'kept-too', 'large']));
    expect(await packKeys()).toEqual([2, 3]);
    for (const life of [store, new Store(SCOPE)]) {
      expect(await life.loadFile('kept')).toEqual(bytes('bytes of kept'));
      expect(await life.loadFile('kept-too')).toEqual(bytes('bytes of kept-too'));
      expect(await life.loadFile('garbage')).toBeUndefined();
      // What is said to be stored, and so is not downloaded for the release that has it again, can be read.
      for (const hash of await life.storedHashes()) expect(await life.loadFile(hash), hash).toBeDefined();
    }
  });

  it('C8 forgets what it can when there is no room to write what is left anew', async () => {
    await store.saveFiles(new Map([...files('kept'), ['garbage', new Uint8Array(2 * MIB)]]));
    await store.saveFiles(files('old'));
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    expect(await store.keepFiles(new Set(['kept']))).toBe(true);
    expect(await packKeys()).toEqual([1]);
    expect(await store.loadFile('kept')).toEqual(bytes('bytes of kept'));
    put.mockRestore();
    expect(await store.keepFiles(new Set(['kept']))).toBe(true);
    expect(await store.storedHashes()).toEqual(new Set(['kept']));
    expect(await store.keepFiles(new Set(['kept']))).toBe(false);
  });

  it('merges small packs when there are many, some at a time', async () => {
    const hashes = Array.from({ length: 600 }, (_, i) => `hash-${i}`);
    for (const hash of hashes) await store.saveFiles(files(hash));
    const reading = store.loadFile('hash-0');
    await store.keepFiles(new Set(hashes));
    expect(await reading).toEqual(bytes('bytes of hash-0'));
    expect(await packKeys()).toHaveLength(101);
    await store.keepFiles(new Set(hashes));
    expect(await packKeys()).toHaveLength(1);
    for (const life of [store, new Store(SCOPE)])
      expect(await Promise.all(hashes.map((hash) => life.loadFile(hash)))).toEqual(hashes.map((hash) => bytes(`bytes of ${hash}`)));
  });

  it('merges small packs into no larger ones than need be, once', async () => {
    const hashes = Array.from({ length: 9 }, (_, i) => `hash-${i}`);
    for (const hash of hashes) await store.saveFiles(new Map([[hash, new Uint8Array(600 * 1024)]]));
    const sizes = () => asPage(async (page) => (await page.getAll('packs')).map(({ length }) => length / MIB));
    await store.keepFiles(new Set(hashes));
    const merged = await sizes();
    expect(merged).toHaveLength(5);
    expect(Math.max(...merged)).toBeLessThan(2);
    await store.keepFiles(new Set(hashes));
    expect(await sizes()).toEqual(merged);
  });
});

describe('hasGarbage', () => {
  it('says whether there is a record to delete, or to make smaller, and nothing after that was done', async () => {
    const wanted = (...hashes: string[]) => new Set(hashes);
    expect(await store.hasGarbage(wanted())).toBe(false);
    await store.saveFiles(files('a', 'b', 'c'));
    await store.saveFiles(new Map([['empty', new Uint8Array()]]));
    const again = new Store(SCOPE);
    expect(await again.hasGarbage(wanted('a', 'b', 'c', 'empty'))).toBe(false);
    // One of three that nobody wants stays where it is.
    expect(await again.hasGarbage(wanted('a', 'b', 'empty'))).toBe(false);
    for (const left of [wanted('a', 'empty'), wanted('a')]) {
      expect(await again.hasGarbage(left)).toBe(true);
      await again.keepFiles(left);
      expect(await again.hasGarbage(left)).toBe(false);
    }
    expect(await again.storedHashes()).toEqual(wanted('a'));
  });

  it('does not count what is too large to be written anew', async () => {
    await store.saveFiles(new Map([...files('small'), ['large', new Uint8Array(17 * MIB)]]));
    expect(await store.hasGarbage(new Set(['small']))).toBe(false);
    expect(await store.hasGarbage(new Set())).toBe(true);
  });

  it('C8 without a database there is none', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no', 'SecurityError');
    });
    expect(await store.hasGarbage(new Set())).toBe(false);
  });
});

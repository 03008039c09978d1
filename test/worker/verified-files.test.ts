import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseManifest } from '../../src/release/manifest.js';
import { Store } from '../../src/store/store.js';
import { describe as describeFile } from '../../src/tuf/file.js';
import type { Refresher } from '../../src/tuf/refresher.js';
import { fileKey, type Serving, VerifiedFiles } from '../../src/worker/verified-files.js';
import { manifestWith } from './simulated-worker.js';

const SCOPE = 'https://repository.test/';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const asText = async (body: Promise<Blob>) => (await body).text();

let store: Store;
let serving: Serving;
const downloadTarget = vi.fn<Refresher['downloadTarget']>();
const onDamage = vi.fn();
let files: VerifiedFiles;

async function listed(path: string, bytes: Uint8Array) {
  return { path, ...(await describeFile(bytes)) };
}

beforeEach(() => {
  store = new Store(SCOPE);
  const manifest = parseManifest(bytesOf(manifestWith({ files: [{ path: 'live/**', keep: 'network-only' }] })));
  serving = { manifest, consistentSnapshot: true };
  files = new VerifiedFiles(
    store,
    () => ({ downloadTarget }) as unknown as Refresher,
    async () => [],
    onDamage,
  );
});

afterEach(async () => {
  vi.restoreAllMocks();
  downloadTarget.mockReset();
  onDamage.mockReset();
  await deleteDB(`vouchsafe ${SCOPE}`);
});

describe('a body', () => {
  test('C7 C17 is read and hashed once in a worker’s life: what is stored, and what the server says, can change afterwards', async () => {
    const file = await listed('app.js', bytesOf('signed'));
    downloadTarget.mockResolvedValueOnce(bytesOf('signed'));
    expect(await asText(files.body(serving, file))).toBe('signed');
    await store.saveFiles(new Map([[fileKey(file), bytesOf('forged')]]));
    downloadTarget.mockResolvedValue(bytesOf('forged'));
    expect(await asText(files.body(serving, file))).toBe('signed');
    expect(downloadTarget).toHaveBeenCalledOnce();
    expect(onDamage).not.toHaveBeenCalled();
  });

  test('C7 that was altered in the store before the first read is not held', async () => {
    const file = await listed('app.js', bytesOf('signed'));
    await store.saveFiles(new Map([[fileKey(file), bytesOf('forged')]]));
    downloadTarget.mockRejectedValueOnce(new Error('offline'));
    await expect(files.body(serving, file)).rejects.toThrow('offline');
    downloadTarget.mockResolvedValueOnce(bytesOf('signed'));
    expect(await asText(files.body(serving, file))).toBe('signed');
    expect(onDamage).toHaveBeenCalledTimes(2);
  });

  test('that the manifest lets nobody keep is downloaded each time', async () => {
    const file = await listed('live/prices.json', bytesOf('1'));
    downloadTarget.mockResolvedValue(bytesOf('1'));
    for (let time = 1; time <= 2; time++) {
      expect(await asText(files.body(serving, file))).toBe('1');
      expect(downloadTarget).toHaveBeenCalledTimes(time);
    }
  });

  test('is held no longer when 32 MiB were asked for since, unless it was among those', async () => {
    const MIB = 2 ** 20;
    const load = vi.spyOn(store, 'loadFile');
    downloadTarget.mockImplementation(async ({ path, length }) => new Uint8Array(length).fill(Number(path)));
    const [one, two, three, four] = await Promise.all(
      [1, 2, 3, 4].map((n) => listed(`${n}`, new Uint8Array((n === 4 ? 16 : 10) * MIB).fill(n))),
    );
    if (!one || !two || !three || !four) throw new Error('four files were made');
    for (const file of [one, two, three, one, four]) await files.body(serving, file);
    load.mockClear();
    await files.body(serving, one);
    await files.body(serving, four);
    expect(load).not.toHaveBeenCalled();
    await files.body(serving, two);
    expect(load).toHaveBeenCalledOnce();
  });
});

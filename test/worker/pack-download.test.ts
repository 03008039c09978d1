import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseManifest } from '../../src/release/manifest.js';
import { FIRST_PACK, packsOf } from '../../src/release/packs.js';
import { describe as digestOf, type TargetFile } from '../../src/tuf/file.js';
import { partOf } from '../../src/worker/pack-download.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

const COUNT = 60;
/** Bytes of each file: so that there is more than one batch. */
const SIZE = 20_000;
const MANIFEST = manifestWith({ files: [{ path: 'vouchsafe/packs/*', keep: 'network-only', optional: true }] });

let repository: RepositorySimulator;
let browser: SimulatedBrowser;
/** What was asked for below the targets, without hashes. */
let asked: string[];
/** How a server answers a request for a pack, if not honestly; `bytes` is what it should send. */
let lie: ((bytes: Uint8Array<ArrayBuffer>, range: string | undefined, url: URL) => Response | undefined) | undefined;

const contentOf = (name: string) => name.padEnd(SIZE, '.');
const appOf = (name: (i: number) => string) => Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`${i}.js`, name(i)]));

/** Publishes a release, with what is to be in the pack by its own rules or as `change` has it. */
async function release(
  files: Record<string, string>,
  change = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => bytes,
): Promise<void> {
  const all: Record<string, string> = { 'vouchsafe.json': MANIFEST, 'index.html': 'page', ...files };
  const targets: TargetFile[] = [];
  for (const [path, text] of Object.entries(all)) targets.push({ path, ...(await digestOf(utf8(text))) });
  const [pack] = packsOf(parseManifest(utf8(MANIFEST)), targets);
  repository.targets = new Map(Object.entries(all).map(([path, text]) => [path, utf8(text)]));
  if (pack) repository.targets.set(pack.path, change(utf8(pack.files.map(({ path }) => all[path]).join(''))));
  await repository.publish();
}

function startedWorker(more: Parameters<SimulatedBrowser['start']>[0] = {}) {
  const parts = browser.start(more);
  vi.stubGlobal('fetch', async (url: string, init: Parameters<RepositorySimulator['fetch']>[1]) => {
    const { pathname } = new URL(url);
    const name = pathname.replace(/^\/targets\//, '').replace(/[0-9a-f]{64}\./, '');
    if (pathname.startsWith('/targets/')) asked.push(init.headers ? `${name} ${init.headers.range}` : name);
    const answer = (await repository.fetch(url, init)) as Response;
    if (!name.startsWith('vouchsafe/packs/') || answer.status !== 200) return answer;
    const bytes = await answer.bytes();
    const range = init.headers?.range;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    return lie?.(bytes, range, new URL(url)) ?? new Response(bytes.subarray(start), { status: range ? 206 : 200 });
  });
  return parts;
}

/** What is stored of each file, read and checked anew. */
async function storedFiles({ releases, files }: ReturnType<typeof startedWorker>): Promise<Record<string, string>> {
  files.reread();
  const found: [string, string][] = [];
  for (const [path, target] of (await releases.active?.targets.all()) ?? []) {
    const bytes = /^\d+\.js$/.test(path) && (await files.load(target));
    if (bytes) found.push([path, new TextDecoder().decode(bytes)]);
  }
  return Object.fromEntries(found);
}

const oneByOne = () => asked.filter((name) => name.endsWith('.js'));
const violationsOf = ({ violations }: ReturnType<typeof startedWorker>) => violations.list();
const ONE = appOf((i) => contentOf(`one ${i}`));

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
  asked = [];
  lie = undefined;
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

describe('a first visit', () => {
  test('asks once for all files together, and stores each', async () => {
    await release(ONE);
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated', release: { files: COUNT + 2 } });
    expect(asked).toEqual(['vouchsafe.json', FIRST_PACK]);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toEqual([]);
  });

  test('a server that has no pack any more is no attack, and the files come one by one', async () => {
    await release(ONE);
    lie = () => new Response(null, { status: 404 });
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(oneByOne()).toHaveLength(COUNT);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toEqual([]);
  });

  test.each<[string, NonNullable<typeof lie>, object, number]>([
    [
      'A1 a pack with one bit changed in the middle',
      (bytes) => {
        const altered = bytes.slice();
        altered[bytes.length >> 1] = (altered[bytes.length >> 1] ?? 0) ^ 1;
        return new Response(altered);
      },
      { code: 'mismatch', facts: { path: expect.stringMatching(/^\d+\.js$/) } },
      COUNT,
    ],
    [
      'A1 a pack of an attacker’s',
      (bytes) => new Response(new Uint8Array(bytes.length).fill(97)),
      { code: 'mismatch', facts: { path: expect.any(String) } },
      COUNT,
    ],
    [
      'C3 a pack that ends too early',
      (bytes) => new Response(bytes.subarray(0, bytes.length - 1)),
      { code: 'mismatch', facts: { diagnosis: 'truncated' } },
      COUNT,
    ],
    ['C3 an empty pack', () => new Response(''), { code: 'mismatch', facts: { diagnosis: 'truncated' } }, COUNT],
    ['C2 a pack elsewhere', () => new Response(null, { status: 302 }), { code: 'redirected' }, COUNT],
    ['C3 a server that fails', () => new Response(null, { status: 500 }), { code: 'unreachable', facts: { status: 500 } }, COUNT],
  ])('%s is refused and recorded, and the app installs from the files', async (_, answer, violation, most) => {
    await release(ONE);
    lie = answer;
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(oneByOne().length).toBeGreaterThan(0);
    expect(oneByOne().length).toBeLessThanOrEqual(most);
    expect(new Set(oneByOne()).size).toBe(oneByOne().length);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toMatchObject([{ during: 'update', ...violation }]);
  });

  test('A3 an endless pack is read as far as it is signed, and then ended', async () => {
    await release(ONE);
    let isCancelled = false;
    let more = 0;
    lie = (bytes) =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(bytes),
          pull: (controller) => {
            more++;
            controller.enqueue(new Uint8Array(1000));
          },
          cancel: () => {
            isCancelled = true;
          },
        }),
      );
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(oneByOne()).toEqual([]);
    await vi.waitFor(() => expect(isCancelled).toBe(true));
    expect(more).toBeLessThan(10);
    expect(await storedFiles(worker)).toEqual(ONE);
  });

  test('C3 a connection that breaks is no attack; what came is kept, the rest comes from the next server', async () => {
    await release(ONE);
    lie = (bytes, range, { hostname }) => {
      if (hostname !== SCOPE.hostname) return undefined;
      const half = bytes.subarray(0, (bytes.length * 2) / 3);
      let isSent = false;
      const pull = (controller: ReadableStreamDefaultController) => {
        if (isSent) throw new TypeError('connection reset');
        isSent = true;
        controller.enqueue(half);
      };
      expect(range).toBeUndefined();
      return new Response(new ReadableStream({ pull }));
    };
    const worker = startedWorker({ targets: ['targets/', 'https://mirror.test/targets/'] });
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    const [, pack, again, ...others] = asked;
    expect(pack).toBe(FIRST_PACK);
    expect(again).toMatch(/^vouchsafe\/packs\/0.txt bytes=\d+-$/);
    expect(Number(again?.match(/=(\d+)/)?.[1])).toBeGreaterThan(500_000);
    expect(others).toEqual([]);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toEqual([]);
  });

  test('A1 what the next server sends instead is checked, too', async () => {
    await release(ONE);
    lie = (bytes, _, { hostname }) =>
      new Response(hostname === SCOPE.hostname ? new Uint8Array(bytes.length) : bytes, { status: 200 });
    const worker = startedWorker({ targets: ['targets/', 'https://mirror.test/targets/'] });
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(oneByOne()).toEqual([]);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toMatchObject([{ code: 'mismatch', facts: { url: expect.stringContaining(SCOPE.href) } }]);
  });

  test.each([
    ['of another length', (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(1), []],
    [
      'of that length with something else in it',
      (bytes: Uint8Array<ArrayBuffer>) => bytes.slice().reverse(),
      [{ code: 'mismatch', during: 'update' }],
    ],
  ])('a signed pack %s is of no use, and does no harm', async (_, change, reported) => {
    await release(ONE, change);
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(oneByOne()).toHaveLength(COUNT);
    expect(await storedFiles(worker)).toEqual(ONE);
    expect(await violationsOf(worker)).toMatchObject(reported);
  });

  test('with few files there is no pack to ask for', async () => {
    await release(Object.fromEntries(Object.entries(ONE).slice(0, 20)));
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(asked).not.toContain(FIRST_PACK);
  });
});

test('a part of a pack is worth a request when it has many files, and little else', () => {
  const files = Array.from({ length: 100 }, (_, i) => ({ path: `${i}`, length: 10, hashes: { sha256: `${i}` } }));
  const pack = { path: FIRST_PACK, length: 1000, files };
  const partWithout = (isStored: (i: number) => boolean) =>
    partOf(pack, new Set(files.flatMap(({ path }) => (isStored(Number(path)) ? [] : [path]))));
  expect(partWithout(() => false)).toEqual({ start: 0, files });
  expect(partWithout((i) => i < 30)).toEqual({ start: 300, files: files.slice(30) });
  expect(partWithout((i) => i < 30 || i > 60)).toEqual({ start: 300, files: files.slice(30, 61) });
  expect(partWithout((i) => i < 80)).toBeUndefined();
  expect(partWithout((i) => i % 4 === 1)).toEqual({ start: 0, files });
  expect(partWithout((i) => i % 3 === 1)).toBeUndefined();
  expect(partWithout(() => true)).toBeUndefined();
});

describe('an update', () => {
  test.each([3, 20])('with %d files changed asks for those alone', async (count) => {
    await release(ONE);
    await startedWorker().updates.update();
    asked.length = 0;
    await release(appOf((i) => contentOf(i < count ? `two ${i}` : `one ${i}`)));
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'staged' });
    expect(asked.sort()).toEqual(Array.from({ length: count }, (_, i) => `${i}.js`).sort());
  });

  test('with most files changed takes the pack, and stores only what is new', async () => {
    await release(ONE);
    await startedWorker().updates.update();
    asked.length = 0;
    const two = appOf((i) => contentOf(i % 10 === 0 ? `one ${i}` : `two ${i}`));
    await release(two);
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'staged' });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatch(/^vouchsafe\/packs\/0.txt/);
    await worker.updates.activate();
    expect(await storedFiles(worker)).toEqual(two);
  });

  test('C9 downloads nothing again that a killed worker had stored', async () => {
    await release(ONE);
    // In the order of the pack, as that worker had stored them.
    const stored = Object.keys(ONE).sort().slice(0, 25);
    const { files } = startedWorker();
    for (const path of stored) {
      const bytes = utf8(ONE[path] ?? '');
      await files.save({ path, ...(await digestOf(bytes)) }, bytes);
    }
    const worker = startedWorker();
    expect(await worker.updates.update()).toMatchObject({ outcome: 'activated' });
    expect(asked).toEqual(['vouchsafe.json', `${FIRST_PACK} bytes=${25 * SIZE}-`]);
    expect(await storedFiles(worker)).toEqual(ONE);
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Chunks } from '../../src/release/manifest.js';
import type { FetchFunction } from '../../src/tuf/download.js';
import { RangeDownload } from '../../src/tuf/download-range.js';
import { describe as digestOf } from '../../src/tuf/file.js';
import { type ChunkPorts, ChunkSource } from '../../src/worker/chunk-source.js';
import { chunkedBody } from '../../src/worker/chunked-body.js';
import { refusal } from '../tuf/refusal.js';

const URL = 'https://repository.test/targets/film.mp4';
const LIMITS = { deadline: 1000, window: 200, minimumRate: 1 };
/** Bytes in one read of a body: not a divisor of any chunk. */
const PACKET = 7;

interface Asked {
  readonly range: string;
  readonly cache: string;
  readonly signal: AbortSignal;
  isCancelled: boolean;
  sent: number;
}

let file: Uint8Array<ArrayBuffer>;
let chunks: Chunks;
let stored: Map<string, Uint8Array>;
let saved: string[];
let damage: unknown[];
let diagnosed: [index: number, bytes: Uint8Array, head: string][];
let asked: Asked[];
/** What the server sends instead of the file, if anything, for the how-manieth request (from 0). */
let lie: (request: number) => Uint8Array | Response | 'reset' | undefined;
let knowsRanges: boolean;

async function setUp(length: number, size: number): Promise<void> {
  file = Uint8Array.from({ length }, (_, i) => (i * 7) % 251);
  const sha256 = [];
  for (let at = 0; at < length; at += size) sha256.push((await digestOf(file.slice(at, at + size))).hashes.sha256 ?? '');
  chunks = { size, sha256 };
  stored = new Map();
  saved = [];
  damage = [];
  diagnosed = [];
  asked = [];
  lie = () => undefined;
  knowsRanges = true;
}

const fetch: FetchFunction = async (_, { headers, cache, signal }) => {
  const request: Asked = { range: headers?.range ?? '', cache, signal, isCancelled: false, sent: 0 };
  const told = lie(asked.length);
  asked.push(request);
  if (told instanceof Response) return told;
  const [, start = 0, end = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.range) ?? []).map(Number);
  const body = (told instanceof Uint8Array ? told : file).slice(...(knowsRanges ? [start, end + 1] : []));
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (told === 'reset' && request.sent > 25) throw new TypeError('connection reset');
        if (request.sent >= body.length) return controller.close();
        controller.enqueue(body.slice(request.sent, request.sent + PACKET));
        request.sent += PACKET;
      },
      cancel() {
        request.isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, { status: knowsRanges ? 206 : 200 });
};

const ports = (): ChunkPorts => ({
  storedHashes: async () => new Set(stored.keys()),
  loadFile: async (hash) => stored.get(hash),
  saveFile: async (hash, bytes) => {
    saved.push(hash);
    stored.set(hash, bytes);
  },
  mirrors: 1,
  download: (_mirror, start, end, cache) => new RangeDownload(fetch, URL, start, end, LIMITS, cache),
  diagnose: async (bytes, index, head) => {
    diagnosed.push([index, bytes, new TextDecoder().decode(head)]);
    return 'login page';
  },
  onDamage: (error) => damage.push(error),
  onMirrorFailure: (error) => damage.push(error),
});

const sourceOf = (end = file.length - 1, changes: Partial<ChunkPorts> = {}) =>
  new ChunkSource({ path: 'film.mp4', length: file.length, chunks }, end, { ...ports(), ...changes });

async function bytesOf(start = 0, end = file.length - 1, source = sourceOf(end)): Promise<Uint8Array> {
  const stream = chunkedBody(
    { start, end, chunks },
    source.read,
    () => {},
    () => source.stop(),
  );
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Every second chunk of the file the same, as where a disk image or a database is empty. */
async function repeatChunks(): Promise<void> {
  const sha256 = [...chunks.sha256];
  for (let at = 0; at < file.length; at += 2 * chunks.size) {
    file.fill(0, at, at + chunks.size);
    const chunk = file.slice(at, at + chunks.size);
    sha256[at / chunks.size] = (await digestOf(chunk)).hashes.sha256 ?? '';
  }
  chunks = { ...chunks, sha256 };
}

const ranges = () => asked.map(({ range }) => range.replace('bytes=', ''));
const put = (index: number, bytes = file.slice(index * chunks.size, (index + 1) * chunks.size)) =>
  stored.set(chunks.sha256[index] ?? '', bytes);

describe('ChunkSource', () => {
  beforeEach(() => setUp(1005, 10));

  test('a chunk that occurs again does not break off the download that brings it', async () => {
    await setUp(200, 10);
    await repeatChunks();
    expect(await bytesOf()).toEqual(file);
    expect(ranges()).toEqual(['0-159', '170-199']);
    stored.clear();
    asked = [];
    knowsRanges = false;
    expect(await bytesOf()).toEqual(file);
    expect(asked.length).toBe(1);
  });

  test('a file whose chunks are all stored is read without asking the database which ones are', async () => {
    for (const index of chunks.sha256.keys()) put(index);
    const storedHashes = () => Promise.reject(new Error('not to be asked'));
    expect(await bytesOf(0, file.length - 1, sourceOf(file.length - 1, { storedHashes }))).toEqual(file);
    expect([ranges(), damage]).toEqual([[], []]);
  });

  test('A13 goes on with the next mirror where one withholds or corrupts, and stays with it', async () => {
    const mirrors: number[] = [];
    const failures: unknown[] = [];
    const source = sourceOf(file.length - 1, {
      mirrors: 3,
      download: (mirror, start, end, cache) => {
        mirrors.push(mirror);
        const withheld = async () => new Response(null, { status: 404 });
        const corrupt = async () => new Response(new Uint8Array(end + 1 - start), { status: 206 });
        return new RangeDownload([withheld, corrupt, fetch][mirror] ?? fetch, `${URL}?${mirror}`, start, end, LIMITS, cache);
      },
      onMirrorFailure: (error) => failures.push(error),
    });
    expect(await bytesOf(0, file.length - 1, source)).toEqual(file);
    // Twice each: an HTTP cache may have been to blame.
    expect(mirrors.slice(0, 5)).toEqual([0, 0, 1, 1, 2]);
    expect(new Set(mirrors.slice(5))).toEqual(new Set([2]));
    expect(failures).toMatchObject([
      { code: 'unreachable', facts: { url: `${URL}?0` } },
      { code: 'mismatch', facts: { url: `${URL}?1` } },
    ]);
  });

  test('A13 throws what the first mirror did when none has the file', async () => {
    const withheld = async () => new Response(null, { status: 404 });
    const source = sourceOf(file.length - 1, {
      mirrors: 2,
      download: (mirror, start, end, cache) =>
        new RangeDownload(
          mirror === 0 ? withheld : async () => new Response('evil', { status: 206 }),
          URL,
          start,
          end,
          LIMITS,
          cache,
        ),
    });
    await expect(source.read(0)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('whatever part is asked for, whatever is stored, whether the server knows ranges or not: the right bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          length: fc.integer({ min: 1, max: 300 }),
          size: fc.integer({ min: 1, max: 40 }),
          from: fc.nat(299),
          to: fc.nat(299),
          has: fc.array(fc.nat(40)),
          knows: fc.boolean(),
        }),
        async ({ length, size, from, to, has, knows }) => {
          await setUp(length, size);
          knowsRanges = knows;
          for (const index of has) if (index < chunks.sha256.length) put(index);
          const [start, end] = [Math.min(from % length, to % length), Math.max(from % length, to % length)];
          expect(await bytesOf(start, end)).toEqual(file.slice(start, end + 1));
          expect(damage).toEqual([]);
          // Nothing that is stored is asked for from a server that knows ranges, and nothing twice.
          const wanted = chunks.sha256.filter((_, i) => i >= Math.floor(start / size) && i <= Math.floor(end / size));
          expect(new Set(saved).size).toBe(saved.length);
          for (const hash of wanted) expect(stored.has(hash)).toBe(true);
          for (const { signal } of asked) expect(signal.aborted).toBe(true);
        },
      ),
      { seed: 4, numRuns: 60 },
    );
  });

  test('what is missing in a row is asked for in runs of sixteen', async () => {
    await bytesOf(0, 399);
    expect(ranges()).toEqual(['0-159', '160-319', '320-399']);
    expect(saved).toEqual(chunks.sha256.slice(0, 40));
    asked = [];
    await bytesOf(0, 399);
    expect(asked).toEqual([]);
  });

  test('a run ends before what is stored, and at the last byte of the file', async () => {
    put(3);
    await bytesOf(15, 1004);
    expect(ranges().slice(0, 2)).toEqual(['10-29', '40-199']);
    expect(ranges().at(-1)).toBe('1000-1004');
  });

  test('a slow reader holds the server back', async () => {
    const reader = chunkedBody(
      { start: 0, end: 999, chunks },
      sourceOf().read,
      () => {},
      () => {},
    ).getReader();
    await reader.read();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    // One chunk handed on, one ahead, and what a packet brought of the next.
    expect(asked[0]?.sent).toBeLessThanOrEqual(20 + PACKET);
  });

  test('a server that knows no ranges is asked once, and no further than needed', async () => {
    knowsRanges = false;
    expect(await bytesOf(203, 698)).toEqual(file.slice(203, 699));
    expect(ranges()).toEqual(['200-359']);
    expect(asked[0]?.isCancelled).toBe(true);
    expect(asked[0]?.sent).toBeLessThan(700 + PACKET);
  });

  test('a damaged chunk in the store is replaced, and reported', async () => {
    put(2, file.slice(0, 10));
    expect(await bytesOf(20, 29)).toEqual(file.slice(20, 30));
    expect(damage).toEqual([refusal('mismatch', { path: 'film.mp4' })]);
    expect(stored.get(chunks.sha256[2] ?? '')).toEqual(file.slice(20, 30));
  });

  test('a wrong chunk is asked for once more, past the HTTP cache', async () => {
    const wrong = file.slice();
    wrong[25] = 1 + (file[25] ?? 0);
    lie = (request) => (request === 0 ? wrong : undefined);
    expect(await bytesOf(0, 99)).toEqual(file.slice(0, 100));
    expect(asked.map(({ range, cache }) => `${range} ${cache}`)).toEqual(['bytes=0-99 default', 'bytes=20-99 reload']);
  });

  test('a wrong chunk that stays wrong ends the body; it is neither handed on nor kept', async () => {
    const wrong = file.slice();
    wrong[25] = 1 + (file[25] ?? 0);
    lie = () => wrong;
    const reader = chunkedBody(
      { start: 0, end: 99, chunks },
      sourceOf().read,
      () => {},
      () => {},
    ).getReader();
    const got = [(await reader.read()).value, (await reader.read()).value];
    expect(got).toEqual([file.slice(0, 10), file.slice(10, 20)]);
    await expect(reader.read()).rejects.toEqual(refusal('mismatch', { path: 'film.mp4', diagnosis: 'login page' }));
    expect(saved).toEqual(chunks.sha256.slice(0, 2));
    expect(diagnosed.at(-1)?.slice(0, 2)).toEqual([2, wrong.slice(20, 30)]);
  });

  test('C5 what comes instead of a later chunk is told by how the answer begins, also when it ends before that chunk', async () => {
    knowsRanges = false;
    lie = () => new TextEncoder().encode('<html>Log in</html>');
    await expect(sourceOf().read(50)).rejects.toEqual(refusal('mismatch', { diagnosis: 'login page' }));
    expect(diagnosed).toEqual(Array(2).fill([50, new Uint8Array(), '<html>Log in</html>'.slice(0, PACKET)]));
  });

  test.each([
    ['a redirect', () => new Response(null, { status: 302 }), 'redirected'],
    ['an error', () => new Response('no', { status: 500 }), 'unreachable'],
    ['a shorter file', () => new Response('short', { status: 206 }), 'mismatch'],
  ])('%s is refused', async (_, answer, code) => {
    lie = answer;
    await expect(sourceOf().read(0)).rejects.toEqual(refusal(code as 'mismatch', { path: 'film.mp4' }));
    expect(asked).toHaveLength(2);
  });

  test('a connection that breaks costs nothing of what came before', async () => {
    lie = (request) => (request === 0 ? 'reset' : undefined);
    expect(await bytesOf(0, 99)).toEqual(file.slice(0, 100));
    expect(ranges()).toEqual(['0-99', '20-99']);
  });

  test('what is too slow is not asked for again', async () => {
    lie = () => new Response(new ReadableStream());
    await expect(sourceOf().read(0)).rejects.toEqual(refusal('too-slow'));
    expect(asked).toHaveLength(1);
  });

  test('stopped, it ends the request and makes no other', async () => {
    const source = sourceOf();
    await source.read(0);
    source.stop();
    expect(asked[0]?.signal.aborted).toBe(true);
    await expect(source.read(1)).rejects.toEqual(refusal('unreachable'));
    expect(asked).toHaveLength(1);
  });

  test('a store that fails stands in nobody’s way', async () => {
    const fail = () => Promise.reject(new Error('no disk'));
    const source = sourceOf(99, { storedHashes: fail, saveFile: fail });
    expect(await bytesOf(0, 99, source)).toEqual(file.slice(0, 100));
    expect(ranges()).toEqual(['0-99']);
    // Once for the list, and once for each chunk that was not kept.
    expect(damage).toHaveLength(11);
  });
});

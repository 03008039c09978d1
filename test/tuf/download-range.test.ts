import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FetchFunction } from '../../src/tuf/download.js';
import { RangeDownload } from '../../src/tuf/download-range.js';
import { refusal } from './refusal.js';

const URL = 'https://repository.test/file';
const LIMITS = { deadline: 400, window: 80, minimumRate: 1000 };

/** A server of ten bytes at a time, with a pause (milliseconds) before each; the last one stays. */
function server(...pauses: number[]): { fetch: FetchFunction; signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  const fetch: FetchFunction = async (_, { signal }) => {
    signals.push(signal);
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      await new Promise((resolve) => setTimeout(resolve, pauses.length > 1 ? pauses.shift() : pauses[0]));
      controller.enqueue(new Uint8Array(10));
    };
    return new Response(new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 }), { status: 206 });
  };
  return { fetch, signals };
}

describe('A4: slow retrieval, of a part', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const timed = async (promise: Promise<unknown>) => {
    const start = Date.now();
    const end = promise.catch((error: unknown) => error).then((outcome) => ({ outcome, time: Date.now() - start }));
    await vi.advanceTimersByTimeAsync(1000);
    return end;
  };

  test('the reader may take its time; the server may not', async () => {
    const { fetch, signals } = server(2);
    const part = new RangeDownload(fetch, URL, 0, 999_999, LIMITS, 'default');
    for (let piece = 0; piece < 3; piece++) {
      expect(await timed(part.next(100))).toEqual({ outcome: new Uint8Array(100), time: 20 });
      expect(vi.getTimerCount()).toBe(0);
      // Longer than any limit.
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(signals).toHaveLength(1);
    expect(signals[0]?.aborted).toBe(false);
    part.stop();
    expect(signals[0]?.aborted).toBe(true);
  });

  test('a slow server is left, for each piece anew', async () => {
    const { fetch, signals } = server(1, 1, 30);
    const part = new RangeDownload(fetch, URL, 0, 999, LIMITS, 'default');
    expect(await timed(part.next(20))).toEqual({ outcome: new Uint8Array(20), time: 2 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await timed(part.next(100))).toEqual({ outcome: refusal('too-slow', { url: URL }), time: 80 });
    expect(signals[0]?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('one piece may not take longer than the deadline', async () => {
    const { fetch } = server(9);
    const part = new RangeDownload(fetch, URL, 0, 999_999, LIMITS, 'default');
    expect(await timed(part.next(100_000))).toEqual({ outcome: refusal('too-slow', { url: URL }), time: 400 });
  });
});

describe('memory', () => {
  /** Answers with these pieces. */
  const fetchOf =
    (...pieces: Uint8Array[]): FetchFunction =>
    async () => ({
      status: 206,
      type: 'basic',
      body: {
        getReader: () => ({
          read: async () => {
            const value = pieces.shift();
            return { done: !value, value };
          },
          cancel: async () => {},
        }),
      },
    });

  test('what has come is freed when all of it is used, and not before', async () => {
    const come = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7), Uint8Array.of(8)];
    const [first, second, third] = come;
    const part = new RangeDownload(fetchOf(...come), URL, 0, 7, LIMITS, 'default');
    expect(await part.next(5)).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    expect([first?.length, second?.length, third?.length]).toEqual([0, 4, 1]);
    expect(await part.next(3)).toEqual(Uint8Array.of(6, 7, 8));
    expect([first?.length, second?.length, third?.length]).toEqual([0, 0, 0]);
    part.stop();
  });

  test('what shares its memory with what comes next is left as it is', async () => {
    const all = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const part = new RangeDownload(fetchOf(all.subarray(0, 3), all.subarray(3)), URL, 0, 5, LIMITS, 'default');
    expect(await part.next(4)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(await part.next(2)).toEqual(Uint8Array.of(5, 6));
    expect(all).toHaveLength(6);
    part.stop();
  });
});

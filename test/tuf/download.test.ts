import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { download, type FetchFunction, type FetchResponse } from '../../src/tuf/download.js';
import { checkFile } from '../../src/tuf/file.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const URL = 'https://repository.test/file';
const LIMITS = { deadline: 400, window: 80, minimumRate: 1000 };

/** A body that gives these chunks with a pause before each, and then ends, or not. Counts what is taken from it. */
class Body {
  taken = 0;
  isCancelled = false;
  readonly #chunks: Iterator<Uint8Array>;
  readonly #pause: number;

  constructor(chunks: Iterable<Uint8Array>, pause = 0) {
    this.#chunks = chunks[Symbol.iterator]();
    this.#pause = pause;
  }

  getReader() {
    return {
      read: async () => {
        await new Promise((resolve) => setTimeout(resolve, this.#pause));
        const { done, value } = this.#chunks.next();
        if (done) return { done: true };
        this.taken += value.length;
        return { done: false, value };
      },
      cancel: async () => {
        this.isCancelled = true;
      },
    };
  }
}

function* forever(size: number): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(size);
}

/** A fetch that answers with this body, and the signals it was given. */
function answering(response: Partial<FetchResponse>): { fetch: FetchFunction; signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  const fetch: FetchFunction = async (_, { signal }) => {
    signals.push(signal);
    return { status: 200, type: 'basic', body: null, ...response };
  };
  return { fetch, signals };
}

describe('A3: endless data', () => {
  test('is cut off as soon as the limit is crossed', async () => {
    const body = new Body(forever(1000));
    const { fetch, signals } = answering({ body });
    await expect(download(fetch, URL, 4500, LIMITS)).rejects.toEqual(
      refusal('too-long', { url: URL, expected: 'at most 4500 bytes', actual: 'at least 5000 bytes' }),
    );
    expect(body.taken).toBe(5000);
    expect(body.isCancelled).toBe(true);
    expect(signals[0]?.aborted).toBe(true);
  });

  test('exactly the limit is taken, one byte more is not', async () => {
    const { fetch } = answering({ body: new Body([utf8('abc'), utf8('def')]) });
    expect(await download(fetch, URL, 6, LIMITS)).toEqual(utf8('abcdef'));
    const longer = answering({ body: new Body([utf8('abc'), utf8('def'), utf8('g')]) });
    await expect(download(longer.fetch, URL, 6, LIMITS)).rejects.toEqual(refusal('too-long'));
  });

  for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
    test(`for ${role} metadata, and never ending`, async () => {
      const repository = await RepositorySimulator.create();
      let body: Body | undefined;
      repository.answer = (path) => {
        if (!path.includes(role)) return undefined;
        body = new Body(forever(10_000));
        return { status: 200, type: 'basic', body };
      };
      const store = new MemoryStore();
      const limits = { rootLength: 25_000, timestampLength: 25_000 };
      await expect(repository.client(store, { limits }).refresh()).rejects.toEqual(refusal('too-long', { role }));
      // Of snapshot and targets the metadata before states the length.
      expect(body?.taken).toBe(role === 'root' || role === 'timestamp' ? 30_000 : 10_000);
      expect(store.saved).not.toContain(role);
      repository.answer = undefined;
      await repository.client(store, { limits }).refresh();
    });
  }

  test('the limit holds for a length that is listed, and where none is', async () => {
    const repository = await RepositorySimulator.create();
    const limits = { snapshotLength: 100, targetsLength: 100 };
    await expect(repository.client(new MemoryStore(), { limits }).refresh()).rejects.toEqual(
      refusal('too-long', { role: 'snapshot' }),
    );
    await repository.serve({
      snapshot: await repository.forge('snapshot', { version: 2, meta: { 'targets.json': { version: 1 } } }),
    });
    await expect(repository.client(new MemoryStore(), { limits: { ...limits, snapshotLength: 10_000 } }).refresh()).rejects.toEqual(
      refusal('too-long', { role: 'targets', expected: 'at most 100 bytes' }),
    );
    await repository.client().refresh();
  });

  test('for a target, which says what was expected', async () => {
    const repository = await RepositorySimulator.create();
    const client = repository.client();
    const target = await client.findTarget('app.js');
    if (!target) throw new Error('it is listed');
    const body = new Body(forever(100));
    repository.answer = () => ({ status: 200, type: 'basic', body });
    await expect(client.downloadTarget(target)).rejects.toEqual(
      refusal('too-long', { path: 'app.js', expected: `sha256 ${target.hashes.sha256}, 3 bytes`, actual: 'at least 100 bytes' }),
    );
    expect(body.taken).toBe(100);
    repository.answer = undefined;
    expect(await client.downloadTarget(target)).toEqual(utf8('one'));
  });
});

describe('A4: slow retrieval', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** How a download ends, and after how many milliseconds. */
  async function timed(promise: Promise<unknown>): Promise<{ outcome: unknown; time: number }> {
    const start = Date.now();
    const end = promise.catch((error: unknown) => error).then((outcome) => ({ outcome, time: Date.now() - start }));
    await vi.advanceTimersByTimeAsync(10_000);
    return end;
  }

  test('no answer at all', async () => {
    const signals: AbortSignal[] = [];
    const never: FetchFunction = (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const outcome = refusal('too-slow', { url: URL, actual: '0 bytes in 0.08 seconds' });
    expect(await timed(download(never, URL, 1000, LIMITS))).toEqual({ outcome, time: 80 });
    expect(signals[0]?.aborted).toBe(true);
  });

  test('an answer whose body never comes, from a fetch that does not heed its signal', async () => {
    const body = { getReader: () => ({ read: () => new Promise<never>(() => {}), cancel: () => new Promise<never>(() => {}) }) };
    expect(await timed(download(answering({ body }).fetch, URL, 1000, LIMITS))).toEqual({ outcome: refusal('too-slow'), time: 80 });
  });

  test('a byte now and then', async () => {
    const body = new Body(forever(1), 10);
    expect(await timed(download(answering({ body }).fetch, URL, 1e9, LIMITS))).toEqual({ outcome: refusal('too-slow'), time: 80 });
    expect(body.taken).toBeLessThan(10);
    expect(body.isCancelled).toBe(true);
  });

  test('a fast start that stalls', async () => {
    function* stalling(): Generator<Uint8Array> {
      yield new Uint8Array(1_000_000);
      yield* forever(1);
    }
    const { fetch } = answering({ body: new Body(stalling(), 30) });
    expect(await timed(download(fetch, URL, 1e9, LIMITS))).toEqual({ outcome: refusal('too-slow'), time: 160 });
  });

  test('just fast enough, for ever: ends at the deadline', async () => {
    const { fetch } = answering({ body: new Body(forever(20), 10) });
    expect(await timed(download(fetch, URL, 1e9, LIMITS))).toEqual({ outcome: refusal('too-slow'), time: 400 });
  });

  test('slow but fast enough arrives, and leaves no timer', async () => {
    const chunks = Array.from({ length: 10 }, () => new Uint8Array(50));
    const { fetch, signals } = answering({ body: new Body(chunks, 20) });
    expect(await timed(download(fetch, URL, 500, LIMITS))).toEqual({ outcome: new Uint8Array(500), time: 220 });
    expect(vi.getTimerCount()).toBe(0);
    expect(signals[0]?.aborted).toBe(false);
  });
});

describe('A4: slow retrieval, as the client sees it', () => {
  for (const held of ['timestamp.json', '1.targets.json', 'app.js']) {
    test(`on ${held}: given up, and the next attempt works`, async () => {
      const repository = await RepositorySimulator.create();
      const store = new MemoryStore();
      const client = repository.client(store, { limits: LIMITS });
      repository.answer = (path) =>
        path.includes(held) ? { status: 200, type: 'basic', body: new Body(forever(1), 10) } : undefined;
      const find = async () => {
        const target = await client.findTarget('app.js');
        return target && client.downloadTarget({ ...target, length: 1000 });
      };
      await expect(find()).rejects.toEqual(refusal('too-slow'));
      repository.answer = undefined;
      await client.refresh();
    });
  }
});

describe('A1: arbitrary installation', () => {
  test('any changed, missing or added byte of a target is refused', async () => {
    const repository = await RepositorySimulator.create();
    const client = repository.client();
    const target = await client.findTarget('app.js');
    if (!target) throw new Error('it is listed');
    const path = `/targets/${target.hashes.sha256}.app.js`;
    for (const text of ['onE', 'on', '', 'One', 'o\0e']) {
      repository.files.set(path, utf8(text));
      await expect(client.downloadTarget(target)).rejects.toEqual(refusal('mismatch', { path: 'app.js' }));
    }
    repository.files.set(path, utf8('ones'));
    await expect(client.downloadTarget(target)).rejects.toEqual(refusal('too-long', { path: 'app.js' }));
    // Asked to, it reads on to say what came.
    await expect(client.downloadTarget(target, true, 100)).rejects.toEqual(refusal('mismatch', { path: 'app.js' }));
    repository.files.set(path, utf8('one'));
    expect(await client.downloadTarget(target)).toEqual(utf8('one'));
  });

  test('a file without any hash is not accepted for its length', async () => {
    await expect(checkFile(utf8('one'), { length: 3, hashes: {} }, { path: 'app.js' })).rejects.toEqual(
      refusal('mismatch', { path: 'app.js' }),
    );
    await checkFile(utf8('one'), { length: 3 }, {});
    await checkFile(utf8('one'), {}, {});
  });

  test('a changed byte of metadata is refused by the hash that lists it', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    const bytes = repository.current('targets').slice();
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    repository.put('1.targets.json', bytes);
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('mismatch', { role: 'targets', url: 'https://repository.test/metadata/1.targets.json' }),
    );
    expect(store.saved).toEqual(['timestamp', 'snapshot']);
  });

  test('sha512 is checked where it is listed, and one wrong hash of two is enough to refuse', async () => {
    const repository = await RepositorySimulator.create();
    const sha = async (algorithm: string) => Buffer.from(await crypto.subtle.digest(algorithm, utf8('one'))).toString('hex');
    const [sha256, sha512] = [await sha('SHA-256'), await sha('SHA-512')];
    const serve = async (hashes: Record<string, string>, version: number) => {
      await repository.serve({
        targets: await repository.forge('targets', { version, targets: { 'app.js': { length: 3, hashes } } }),
      });
      const client = repository.client();
      const target = await client.findTarget('app.js');
      for (const hash of Object.values(hashes)) repository.files.set(`/targets/${hash}.app.js`, utf8('one'));
      return target && client.downloadTarget(target);
    };
    expect(await serve({ sha512 }, 2)).toEqual(utf8('one'));
    expect(await serve({ sha512, sha256 }, 3)).toEqual(utf8('one'));
    expect(await serve({ sha256, 'blake2b-256': 'anything' }, 4)).toEqual(utf8('one'));
    await expect(serve({ sha256, sha512: sha512.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }, 5)).rejects.toEqual(
      refusal('mismatch'),
    );
    await expect(serve({ 'blake2b-256': 'anything' }, 6)).rejects.toEqual(refusal('unsupported', { role: 'targets' }));
    await expect(serve({}, 7)).rejects.toEqual(refusal('unsupported', { role: 'targets' }));
    await expect(serve({ sha256: sha256.toUpperCase() }, 8)).rejects.toEqual(refusal('malformed', { role: 'targets' }));
    await expect(serve({ sha256: '' }, 9)).rejects.toEqual(refusal('malformed', { role: 'targets' }));
  });
});

describe('answers that are not files', () => {
  test('a redirect, as browsers and as Node show it', async () => {
    await expect(download(answering({ type: 'opaqueredirect', status: 0 }).fetch, URL, 10, LIMITS)).rejects.toEqual(
      refusal('redirected'),
    );
    for (const status of [301, 302, 303, 307, 308]) {
      await expect(download(answering({ status }).fetch, URL, 10, LIMITS)).rejects.toEqual(
        refusal('redirected', { url: URL, status }),
      );
    }
  });

  test('any status but 200, whose body is not waited for', async () => {
    for (const status of [201, 204, 206, 400, 404, 500, 503]) {
      const { fetch, signals } = answering({ status, body: new Body(forever(1000)) });
      await expect(download(fetch, URL, 10, LIMITS)).rejects.toEqual(refusal('unreachable', { url: URL, status }));
      expect(signals[0]?.aborted).toBe(true);
    }
  });

  test('no answer, before or in the middle of the body', async () => {
    await expect(download(() => Promise.reject(new TypeError('Failed to fetch')), URL, 10, LIMITS)).rejects.toEqual(
      refusal('unreachable', { url: URL }),
    );
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(utf8('abc')),
      pull: (controller) => controller.error(new TypeError('connection reset')),
    });
    const failed = download(answering({ body }).fetch, URL, 10, LIMITS);
    await expect(failed).rejects.toEqual(refusal('unreachable', { url: URL }));
    await expect(failed).rejects.toHaveProperty('cause.message', 'connection reset');
  });

  test('a fetch that throws at once', async () => {
    const thrower: FetchFunction = () => {
      throw new TypeError('wrong URL');
    };
    await expect(download(thrower, URL, 10, LIMITS)).rejects.toEqual(refusal('unreachable', { url: URL }));
  });

  test('an empty body is an empty file', async () => {
    expect(await download(answering({}).fetch, URL, 10, LIMITS)).toHaveLength(0);
    const repository = await RepositorySimulator.create();
    repository.put('timestamp.json', new Uint8Array());
    await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'timestamp' }));
  });
});

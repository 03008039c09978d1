import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseManifest } from '../../src/release/manifest.js';
import { describe as digestOf, type TargetFile } from '../../src/tuf/file.js';
import { isAsSigned } from '../../src/worker/as-signed.js';
import { ScriptCopies } from '../../src/worker/script-copies.js';
import { TargetFiles } from '../../src/worker/target-files.js';
import { manifestWith, SCOPE } from './simulated-worker.js';

const BYTES = new TextEncoder().encode('window.app = 1');
const URL_OF = `${SCOPE.href}lib/big.js`;
const SIGNED = { 'content-type': 'text/javascript', 'x-content-type-options': 'nosniff' };

const manifestOf = (changes: object = {}) =>
  parseManifest(
    new TextEncoder().encode(
      manifestWith({
        headers: [{ path: '**', set: { 'x-content-type-options': 'nosniff' } }],
        code_cache: ['lib/big.js'],
        ...changes,
      }),
    ),
  );

let file: TargetFile;
const listing = (changes: object = {}) => ({
  manifest: manifestOf(changes),
  targets: TargetFiles.of(new Map([[file.path, file]])),
});

/** A response as a server's answer to `url` is one. */
function answered(body: Uint8Array | string, headers: Record<string, string> = SIGNED, more: Partial<Response> = {}): Response {
  // A copy: Node hands on the buffer itself, which is gone when it has been read.
  const response = new Response(body.slice() as string, { headers, status: more.status ?? 200 });
  const looks = { url: URL_OF, type: 'basic', redirected: false, ...more };
  const dress = (bare: Response): Response => {
    for (const [name, value] of Object.entries(looks)) Object.defineProperty(bare, name, { value, configurable: true });
    const clone = bare.clone.bind(bare);
    return Object.defineProperty(bare, 'clone', { value: () => dress(clone()) });
  };
  return dress(response);
}

/** Cache Storage, as far as it is used. What it holds can be looked at and changed. */
class SimulatedCaches {
  readonly all = new Map<string, Map<string, () => Response>>();
  match = vi.fn(async (url: string, { cacheName }: { cacheName: string }) => this.all.get(cacheName)?.get(url)?.());
  keys = vi.fn(async () => [...this.all.keys()]);
  delete = vi.fn(async (name: string) => this.all.delete(name));
  open = vi.fn(async (name: string) => ({
    put: async (url: string, response: Response) => {
      const { url: from, type, redirected, headers } = response;
      const bytes = new Uint8Array(await response.arrayBuffer());
      const stored = () => answered(bytes, Object.fromEntries(headers), { url: from, type, redirected });
      this.all.set(name, new Map(this.all.get(name)).set(url, stored));
    },
  }));
  get only(): Response | undefined {
    return [...this.all.values()][0]?.get(URL_OF)?.();
  }
}

let storage: SimulatedCaches;
let fetched: ReturnType<typeof vi.fn>;
let damage: unknown[];
const start = () => new ScriptCopies(SCOPE, (error) => damage.push(error));
const textOf = async (response: Response | undefined) => response && (await response.clone().text());

beforeEach(async () => {
  file = { path: 'lib/big.js', ...(await digestOf(BYTES)) };
  storage = new SimulatedCaches();
  fetched = vi.fn(async () => answered(BYTES));
  damage = [];
  vi.stubGlobal('caches', storage);
  vi.stubGlobal('fetch', fetched);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('C1 a response may be handed on as it is', () => {
  const isRight = (response: Response) => isAsSigned(response, URL_OF, file, manifestOf());
  const transport = {
    date: 'today',
    server: 'any',
    etag: '"x"',
    'accept-ranges': 'bytes',
    connection: 'keep-alive',
    'keep-alive': 'timeout=5',
    vary: 'Accept-Encoding, Origin',
    'cache-control': 'public, no-cache',
    'content-length': `${BYTES.length}`,
  };

  it('with exactly the signed headers, and those that say how it came', () => {
    expect(isRight(answered(BYTES))).toBe(true);
    expect(isRight(answered(BYTES, { ...SIGNED, ...transport }))).toBe(true);
    expect(isRight(answered(BYTES, { ...SIGNED, 'cache-control': 'no-store' }))).toBe(true);
  });

  it.each([
    ['last-modified', 'today'],
    ['expires', 'never'],
    ['age', '1'],
    ['link', '</x>; rel=preload'],
    ['sourcemap', '/x.map'],
    ['x-sourcemap', '/x.map'],
    ['server-timing', 'x;dur=1'],
    ['timing-allow-origin', '*'],
    ['content-encoding', 'gzip'],
    ['access-control-allow-origin', '*'],
    ['content-security-policy', "default-src 'none'"],
    ['x-unknown', '1'],
    ['content-length', '1'],
    ['vary', '*'],
    ['vary', 'cookie'],
    ['cache-control', 'max-age=60'],
    ['cache-control', 'x-no-cache'],
    ['content-type', 'text/html'],
    ['content-type', 'text/javascript; charset=latin1'],
    ['x-content-type-options', 'nosniff, nosniff'],
  ])('not with %s: %s', (name, value) => {
    expect(isRight(answered(BYTES, { ...SIGNED, [name]: value }))).toBe(false);
  });

  it('not without a signed header, from another URL, after a redirect, of another origin or with another status', () => {
    expect(isRight(answered(BYTES, { 'content-type': 'text/javascript' }))).toBe(false);
    for (const more of [{ url: `${URL_OF}?x` }, { url: '' }, { redirected: true }, { type: 'cors' as const }, { status: 203 }])
      expect(isRight(answered(BYTES, SIGNED, more))).toBe(false);
  });
});

describe('a copy', () => {
  it('is fetched once, past caches and without credentials, and handed on as it was matched', async () => {
    const copies = start();
    expect(await copies.download(listing(), file)).toEqual(BYTES);
    expect(fetched.mock.calls).toEqual([
      [URL_OF, { signal: expect.any(AbortSignal), cache: 'no-store', credentials: 'omit', redirect: 'error' }],
    ]);
    const matched = answered(BYTES);
    storage.match.mockResolvedValueOnce(matched);
    expect(await copies.answer(listing(), file, URL_OF)).toBe(matched);
    expect(matched.bodyUsed).toBe(false);
    expect(damage).toEqual([]);
  });

  it('is none of a file that the manifest does not list, or that is not to be stored', async () => {
    for (const changes of [{ code_cache: [] }, { files: [{ path: '**', keep: 'network-only' }] }]) {
      expect(start().has(listing(changes), file)).toBe(false);
      expect(await start().download(listing(changes), file)).toBeUndefined();
    }
    expect(fetched).not.toHaveBeenCalled();
  });

  it('is for its own URL alone', async () => {
    const copies = start();
    await copies.download(listing(), file);
    expect(await copies.answer(listing(), file, `${URL_OF}?v=2`)).toBeUndefined();
    expect(storage.match).not.toHaveBeenCalled();
  });

  it('C7 is hashed at each request: altered between two of them, it is not handed on, and the damage is told', async () => {
    const copies = start();
    await copies.download(listing(), file);
    expect(await textOf(await copies.answer(listing(), file, URL_OF))).toBe('window.app = 1');
    for (const evil of ['window.app = 2', 'longer than what was signed', '']) {
      storage.match.mockResolvedValueOnce(answered(evil));
      expect(await copies.answer(listing(), file, URL_OF)).toBeUndefined();
    }
    expect(damage).toEqual([1, 2, 3].map(() => expect.objectContaining({ code: 'mismatch' })));
  });

  it('C7 is not handed on under other headers than those of the release that answers', async () => {
    const copies = start();
    await copies.download(listing(), file);
    const other = listing({ headers: [{ path: '**', set: { 'x-content-type-options': 'nosniff', 'x-new': '1' } }] });
    expect(await copies.answer(other, file, URL_OF)).toBeUndefined();
    await copies.lookAhead(listing(), new TextEncoder().encode('<script src=lib/big.js>'));
    expect(await copies.answer(other, file, URL_OF)).toBeUndefined();
  });

  it('is checked ahead of the page that names it, and handed on once', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const copies = start();
    const release = listing();
    await copies.download(release, file);
    await copies.lookAhead(release, new TextEncoder().encode('<script src=other.js>'));
    expect(storage.match).not.toHaveBeenCalled();
    const page = new TextEncoder().encode('<script src="lib/big.js">');
    await copies.lookAhead(release, page);
    expect(storage.match).toHaveBeenCalledTimes(1);
    const first = await copies.answer(release, file, URL_OF);
    expect(storage.match).toHaveBeenCalledTimes(1);
    // Compared here: vitest would look into the bodies.
    expect((await copies.answer(release, file, URL_OF)) === first).toBe(false);
    expect(storage.match).toHaveBeenCalledTimes(2);
    await copies.lookAhead(release, page);
    vi.advanceTimersByTime(11_000);
    await copies.answer(release, file, URL_OF);
    expect(storage.match).toHaveBeenCalledTimes(4);
  });

  it('A1 is not made of other bytes or headers, of too many, or of an error; the server is asked again after an hour', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const wrong = [
      answered('window.app = 2'),
      answered('x'.repeat(10_000)),
      answered(BYTES, {}),
      answered('', SIGNED, { status: 404 }),
    ];
    for (const response of wrong) {
      fetched.mockResolvedValueOnce(response);
      const copies = start();
      expect(await copies.download(listing(), file)).toBeUndefined();
      expect(await copies.answer(listing(), file, URL_OF)).toBeUndefined();
      // Not twice in a life, nor in the next.
      await copies.refill(listing(), file);
      await start().refill(listing(), file);
    }
    expect(fetched).toHaveBeenCalledTimes(wrong.length);
    vi.advanceTimersByTime(3_700_000);
    await start().refill(listing(), file);
    expect(await textOf(storage.only)).toBe('window.app = 1');
    expect(damage).toEqual([]);
  });

  it('C15 is not given up when there is no network', async () => {
    fetched.mockRejectedValueOnce(new TypeError('offline'));
    expect(await start().download(listing(), file)).toBeUndefined();
    expect(storage.all.size).toBe(0);
    await start().refill(listing(), file);
    expect(await textOf(storage.only)).toBe('window.app = 1');
  });

  it('is there only as long as a release lists it, and goes when room is needed', async () => {
    const copies = start();
    await copies.download(listing(), file);
    storage.all.set('somebody’s', new Map());
    storage.all.set(`vouchsafe code ${SCOPE.href}other/ 00`, new Map());
    expect(await copies.keep([listing()])).toBe(false);
    expect(await copies.keep([listing({ code_cache: [] })])).toBe(true);
    expect(storage.only).toBeUndefined();
    await copies.download(listing(), file);
    expect(await copies.keep('none')).toBe(true);
    expect([...storage.all.keys()]).toEqual(['somebody’s', `vouchsafe code ${SCOPE.href}other/ 00`]);
    // Room that was made is not taken again.
    await copies.refill(listing(), file);
    expect(storage.all.size).toBe(2);
  });

  it.each([
    ['missing', undefined],
    ['throwing', { match: fail, keys: fail, open: fail, delete: fail }],
  ])('is none where Cache Storage is %s, and the bytes are used all the same', async (_, broken) => {
    vi.stubGlobal('caches', broken);
    const copies = start();
    expect(await copies.answer(listing(), file, URL_OF)).toBeUndefined();
    expect(await copies.download(listing(), file)).toEqual(BYTES);
    await copies.refill(listing(), file);
    expect(await copies.keep('none')).toBe(false);
    expect(damage).toEqual([]);
  });
});

function fail(): never {
  throw new DOMException('denied', 'SecurityError');
}

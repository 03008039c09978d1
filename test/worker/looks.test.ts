import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { Release } from '../../src/worker/release.js';
import type { Updates } from '../../src/worker/updates.js';
import { EXPIRY, START, testSigner } from '../repository-simulator.js';
import { manifestWith, SCOPE, simulatedApp } from './simulated-worker.js';

// What fails, looked for by a clock that the test has in hand.
const app = simulatedApp();
const { release } = app;

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});

describe('after a look that failed', () => {
  const looksAsked = () => app.repository.requests.filter((path) => path.endsWith('.root.json')).length;
  /** Looks as a page does each second, and says after how many seconds the repository was asked. */
  async function lookEachSecond(updates: Updates, seconds: number): Promise<number[]> {
    const asked: number[] = [];
    for (let second = 1; second <= seconds; second++) {
      vi.setSystemTime(Date.now() + 1000);
      const before = looksAsked();
      await updates.look();
      if (looksAsked() > before) asked.push(second);
    }
    return asked;
  }

  it('the next one waits twice as long each time, whoever asks is not kept waiting, and one that succeeds ends it', async () => {
    const { updates, violations } = app.browser.start();
    await updates.update();
    await release('two');
    app.repository.answer = (path) => (path.includes('index.html') ? new Response(null, { status: 503 }) : undefined);
    expect(await lookEachSecond(updates, 160)).toEqual([10, 30, 70, 150]);
    expect(await violations.list()).toHaveLength(4);
    expect(await updates.update()).toMatchObject({ outcome: 'failed' });
    app.repository.answer = undefined;
    expect(await lookEachSecond(updates, 330)).toEqual([320, 330]);
  });

  it('without a network the next one is not put off', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    app.repository.answer = () => Promise.reject(new TypeError('Failed to fetch'));
    app.browser.isOnline = false;
    expect(await lookEachSecond(updates, 45)).toEqual([10, 20, 30, 40]);
    app.browser.isOnline = true;
    expect(await lookEachSecond(updates, 40)).toEqual([5, 25]);
  });

  it('C15 a release that has expired is looked for each time', async () => {
    const { updates } = app.browser.start();
    await updates.update();
    app.repository.answer = () => new Response(null, { status: 503 });
    vi.setSystemTime(START + EXPIRY.timestamp * 1000);
    expect(await lookEachSecond(updates, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(updates.freshness()).toBe('stale');
  });
});

describe('once what runs has expired', () => {
  const EXPIRED = START + EXPIRY.timestamp * 1000 + 1000;
  const everywhere = (answer: () => Response) => () => answer();
  const timestamp = (bytes: () => Uint8Array<ArrayBufferLike> | undefined) => (path: string) =>
    path.endsWith('/timestamp.json') ? new Response((bytes() ?? new Uint8Array()).slice()) : undefined;
  let older: Uint8Array | undefined;
  let forged: Uint8Array | undefined;

  it.each([
    ['stale', 'unreachable', 'no answer', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['stale', 'unreachable', 'a server that breaks down', everywhere(() => new Response('', { status: 500 }))],
    ['stale', 'unreachable', 'a CDN that has lost the site', everywhere(() => new Response('', { status: 404 }))],
    ['stale', 'malformed', 'the page of a network that wants a sign-in', everywhere(() => new Response('<!doctype html>Log in'))],
    ['stale', 'redirected', 'its redirect', everywhere(() => new Response('', { status: 302 }))],
    ['stale', 'unsigned', 'a timestamp that somebody else signed', timestamp(() => forged)],
    ['frozen', 'expired', 'the same timestamp again', undefined],
    ['frozen', 'rollback', 'an older timestamp', timestamp(() => older)],
  ] as const)('A7 C15 it is %s after %s: %s', async (freshness, code, _, answer) => {
    const { updates, releases } = app.browser.start();
    older = app.repository.files.get('/metadata/timestamp.json');
    await release('two');
    await updates.update();
    forged = await app.repository.forge('timestamp', { version: 9, expires: '2031-01-01T00:00:00Z' }, [await testSigner(99)]);
    vi.setSystemTime(EXPIRED);
    app.repository.answer = answer as typeof app.repository.answer;
    expect(await updates.update()).toMatchObject({ outcome: 'failed', refusal: { code }, freshness });
    // The allowance is a minute.
    vi.setSystemTime(EXPIRED + 60_000);
    expect(updates.freshness()).toBe('frozen');
    const { facts, message } = updates.frozen(releases.active as Release);
    const isOffline = code === 'unreachable' && updates.failure?.facts.status === undefined;
    expect(facts.offlineUntil).toBe(isOffline ? new Date(EXPIRED + 59_000).toISOString() : undefined);
    expect(message.includes('offline')).toBe(isOffline);
  });
});

describe('what is optional and does not come', () => {
  const OPTIONAL = { ...JSON.parse(manifestWith()), files: [{ path: 'film.bin', optional: true }] };
  const publish = () =>
    app.repository.release({ 'vouchsafe.json': JSON.stringify(OPTIONAL), 'index.html': 'two', 'film.bin': 'film' });
  const films = () => app.repository.requests.filter((path) => path.endsWith('film.bin')).length;
  /** @returns how often it was asked for in each of some looks, ten seconds apart */
  async function looks(updates: Updates, count: number): Promise<number[]> {
    const asked: number[] = [];
    for (let look = 0; look < count; look++) {
      vi.setSystemTime(Date.now() + 10_000);
      const before = films();
      const timestamps = app.repository.requests.length;
      await updates.look();
      expect(app.repository.requests.length).toBeGreaterThan(timestamps);
      asked.push(films() - before);
    }
    return asked;
  }

  it('is asked for and reported less and less often, at once when somebody asks, and comes when it is there', async () => {
    await publish();
    app.repository.answer = (path) => (path.endsWith('film.bin') ? new Response(null, { status: 404 }) : undefined);
    const { updates, violations } = app.browser.start();
    await updates.update();
    const each = films();
    const pattern = await looks(updates, 16);
    expect(pattern.map((asked) => asked / each)).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    expect(await violations.list()).toHaveLength(4);
    await updates.update();
    expect(await violations.list()).toHaveLength(5);
    app.repository.answer = undefined;
    await updates.update();
    expect(await looks(updates, 2)).toEqual([0, 0]);
    expect((await new Store(SCOPE.href).storedHashes()).size).toBe(3);
  });

  it('C8 for want of room is not asked for again in this life of the worker, and nothing is given away for it', async () => {
    await publish();
    const { updates, releases, violations } = app.browser.start();
    const { saveFiles } = Store.prototype;
    const full = vi.spyOn(Store.prototype, 'saveFiles').mockImplementation(async function (this: Store, pack) {
      if ([...pack.values()].some((bytes) => new TextDecoder().decode(bytes) === 'film')) {
        throw new VouchsafeError('quota', 'full');
      }
      await saveFiles.call(this, pack);
    });
    const collect = vi.spyOn(releases, 'collect');
    expect(await updates.update()).toMatchObject({ outcome: 'activated' });
    expect(await violations.list()).toMatchObject([{ code: 'quota', during: 'update' }]);
    expect(films()).toBe(1);
    expect(await looks(updates, 10)).toEqual(Array(10).fill(0));
    expect(await updates.update()).toEqual({ outcome: 'current' });
    expect(films()).toBe(1);
    expect(collect.mock.calls).not.toContainEqual([true]);
    expect(await violations.list()).toHaveLength(1);

    // Another life tries it again, and finds room.
    full.mockRestore();
    const later = app.browser.start();
    await later.updates.look();
    expect(await new Store(SCOPE.href).storedHashes()).toContain((await releases.active?.targets.find('film.bin'))?.hashes.sha256);
  });

  it('C8 is left alone once it was given away for what is required', async () => {
    await publish();
    const { updates, releases, violations } = app.browser.start();
    await updates.update();
    const hashOf = async (path: string) => (await releases.active?.targets.find(path))?.hashes.sha256 ?? '';
    const { setTimeout: later } = globalThis;
    vi.stubGlobal('setTimeout', (work: () => void, wait = 0) => later(work, wait === 8_000 ? 0 : wait));
    // Somebody took a required file, and there is no room to put it back.
    await new Store(SCOPE.href).keepFiles(new Set([await hashOf('film.bin')]));
    vi.spyOn(Store.prototype, 'saveFiles').mockRejectedValueOnce(new VouchsafeError('quota', 'full'));
    expect(await looks(updates, 4)).toEqual([0, 0, 0, 0]);
    expect(await new Store(SCOPE.href).storedHashes()).toContain(await hashOf('index.html'));
    expect(await new Store(SCOPE.href).storedHashes()).not.toContain(await hashOf('film.bin'));
    expect(await violations.list()).toEqual([]);
  });
});

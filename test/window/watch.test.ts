import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Refusal, Request, VetResult } from '../../src/messages/messages.js';
import { Connection } from '../../src/window/connection.js';
import { WorkerWatch } from '../../src/window/watch.js';
import { FakeContainer, FakeRegistration, FakeWorker } from './fake-container.js';
import { enterPage } from './page-globals.js';

const SCOPE = 'https://example.org/';
const SCRIPT = `${SCOPE}vouchsafe-worker.js`;

let old: FakeWorker;
let registration: FakeRegistration;
let container: FakeContainer;
let replaced: Refusal[];
let noticed: Refusal[];
let end: AbortController;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  old = new FakeWorker(SCRIPT);
  registration = new FakeRegistration(SCOPE, old);
  container = new FakeContainer(registration, old);
  replaced = [];
  noticed = [];
  end = new AbortController();
  enterPage(container);
});

afterEach(() => {
  end.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A watch of a page that does not know yet how it takes a worker in the place of ours. */
async function open(): Promise<WorkerWatch> {
  const connection = await Connection.open({ worker: SCRIPT });
  const listener = { replaced: (refusal: Refusal) => replaced.push(refusal), noticed: (refusal: Refusal) => noticed.push(refusal) };
  return new WorkerWatch(connection, listener, end.signal);
}

async function watch(): Promise<WorkerWatch> {
  const watching = await open();
  watching.begin();
  return watching;
}

/** A worker tells all pages, this one too. */
const say = (watching: WorkerWatch, vet: VetResult, source = old) => watching.vetted(vet, source as unknown as ServiceWorker);
const vetsAs = (vet: VetResult) => (request: Request) => (request.vouchsafe === 'vet' ? vet : undefined);
const incomer = (script = SCRIPT) => new FakeWorker(script, 'installing');
/** Messages over real ports are on their way for a while. */
const settled = () => vi.advanceTimersByTimeAsync(50).then(() => new Promise<void>((resolve) => setImmediate(resolve)));

describe('a new worker script', () => {
  it('that the old worker found signed takes over when it is installed, and nothing is locked', async () => {
    old.answer = vetsAs({ isSigned: true });
    await watch();
    const next = incomer();
    registration.find(next);
    await vi.waitFor(() => expect(old.sent).toEqual([{ vouchsafe: 'vet' }]));
    await settled();
    expect(next.sent).toEqual([]);
    next.become('installed');
    await vi.waitFor(() => expect(next.sent).toEqual([{ vouchsafe: 'take-over' }]));
    container.change(next);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
    // And the next one is judged anew.
    container.change(incomer());
    expect(replaced).toMatchObject([{ code: 'verifier-replaced', facts: { url: SCRIPT } }]);
  });

  it('that was found signed before the page was opened locks nothing when it takes over at once', async () => {
    old.answer = vetsAs({ isSigned: true });
    const next = incomer();
    registration.find(next);
    next.become('installed');
    const watching = await open();
    container.change(next);
    await vi.advanceTimersByTimeAsync(5_000);
    watching.begin();
    await settled();
    expect(replaced).toEqual([]);
  });

  it('that is found not signed after all is no longer told to take over', async () => {
    old.answer = vetsAs({ isSigned: true });
    const watching = await watch();
    const next = incomer();
    registration.find(next);
    await vi.waitFor(() => expect(old.sent).toHaveLength(1));
    await settled();
    say(watching, { isSigned: false, refusal: { code: 'verifier-replaced', message: 'Not the signed one.', facts: {} } });
    expect(replaced).toHaveLength(1);
    next.become('installed');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(next.sent).toEqual([]);
  });

  it('whose signatures are looked up when the watch has ended is told nothing', async () => {
    old.answer = vetsAs({ isSigned: true });
    await watch();
    const next = incomer();
    registration.find(next);
    end.abort();
    next.become('installed');
    await settled();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(next.sent).toEqual([]);
  });

  it('that the old worker found not signed is told at once, before it takes over', async () => {
    const refusal: Refusal = { code: 'verifier-replaced', message: 'Not the signed one.', facts: { actual: 'sha256 00' } };
    old.answer = vetsAs({ isSigned: false, refusal });
    await watch();
    const next = incomer();
    registration.find(next);
    await vi.waitFor(() => expect(replaced).toEqual([refusal]));
    next.become('installed');
    expect(next.sent).toEqual([]);
  });

  it.each([
    ['nobody can say whether it is signed', vetsAs({ isSigned: undefined })],
    ['the old worker knows no such question', () => new Error('Unknown request.')],
    ['the old worker never answers', () => undefined],
  ])('that takes over although %s is a replacement', async (_, answer) => {
    old.answer = answer;
    await watch();
    const next = incomer();
    next.answer = vetsAs({ isSigned: true });
    registration.find(next);
    await settled();
    // Shortly before it is asked again.
    await vi.advanceTimersByTimeAsync(1_500);
    registration.active = next;
    container.change(next);
    // What answers may be on their way from the old worker; the new one is asked nothing.
    await vi.advanceTimersByTimeAsync(1_000);
    expect(replaced).toMatchObject([{ code: 'verifier-replaced' }]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(next.sent).toEqual([]);
  });

  it('that takes over while the old worker’s answer is on its way is no replacement', async () => {
    const ports: MessagePort[] = [];
    old.postMessage = (_request: Request, [port]: readonly [MessagePort?] = []) => void (port && ports.push(port));
    await watch();
    const next = incomer();
    registration.find(next);
    container.change(next);
    ports[0]?.postMessage({ ok: true, value: { isSigned: true } });
    await settled();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
  });

  it.each(['it has', 'the page is gone'])('that has not taken over is told again each second until %s', async (what) => {
    old.answer = vetsAs({ isSigned: true });
    await watch();
    const next = incomer();
    registration.find(next);
    await settled();
    next.become('installed');
    await vi.waitFor(() => expect(next.sent).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(next.sent).toEqual(Array(3).fill({ vouchsafe: 'take-over' }));
    if (what === 'it has') next.become('activating');
    else end.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(next.sent).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that takes over is judged no more after the end of the watch', async () => {
    await watch();
    const next = incomer();
    registration.find(next);
    container.change(next);
    end.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
  });

  it('that was found signed is no replacement because another page could not find out', async () => {
    old.answer = vetsAs({ isSigned: true });
    const watching = await watch();
    const next = incomer();
    registration.find(next);
    next.become('installed');
    await vi.waitFor(() => expect(next.sent).toHaveLength(1));
    say(watching, { isSigned: undefined });
    container.change(next);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
  });

  it('that another page had vetted is no replacement', async () => {
    const watcher = await watch();
    registration.find(incomer());
    say(watcher, { isSigned: true });
    container.change(incomer());
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
  });

  it.each(['is asked about it', 'has answered'])(
    'C11 vouches for no other while the old one %s, and not for itself',
    async (what) => {
      if (what === 'has answered') old.answer = vetsAs({ isSigned: undefined });
      const watching = await watch();
      const next = incomer();
      registration.find(next);
      await settled();
      // It has messages for the page before it takes over, and in the moment when an answer may be on its way.
      registration.active = next;
      say(watching, { isSigned: true }, next);
      container.change(next);
      say(watching, { isSigned: true }, next);
      expect(watching.goesBy(next as unknown as ServiceWorker)).toBe(false);
      expect(watching.goesBy(old as unknown as ServiceWorker)).toBe(true);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(replaced).toMatchObject([{ code: 'verifier-replaced' }]);
      expect(watching.goesBy(next as unknown as ServiceWorker)).toBe(false);
    },
  );

  it('that was found signed is the one the page goes by when it has taken over', async () => {
    old.answer = vetsAs({ isSigned: true });
    const watching = await watch();
    const next = incomer();
    registration.find(next);
    await settled();
    container.change(next);
    expect(watching.goesBy(next as unknown as ServiceWorker)).toBe(true);
    expect(watching.goesBy(old as unknown as ServiceWorker)).toBe(false);
    // It vouches for those that come after it.
    next.answer = vetsAs({ isSigned: true });
    const third = incomer();
    registration.find(third);
    await settled();
    container.change(third);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
  });

  it('C11 that takes over a page that had no worker in control, as after a hard reload, is judged like any other', async () => {
    container.controller = null;
    await watch();
    registration.find(incomer());
    await settled();
    container.change(incomer());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(replaced).toMatchObject([{ code: 'verifier-replaced' }]);
  });

  it('that waits since before the page was opened is vetted too', async () => {
    old.answer = vetsAs({ isSigned: true });
    const next = new FakeWorker(SCRIPT, 'installed');
    registration.waiting = next;
    await watch();
    await vi.waitFor(() => expect(next.sent).toEqual([{ vouchsafe: 'take-over' }]));
  });

  it('at another URL is a replacement, whatever anybody says', async () => {
    old.answer = vetsAs({ isSigned: true });
    await watch();
    registration.find(incomer(`${SCOPE}evil.js`));
    expect(replaced).toMatchObject([{ code: 'verifier-replaced', facts: { actual: expect.stringContaining('evil.js') } }]);
  });
});

describe('control over the page', () => {
  it('by the first worker is no replacement', async () => {
    container.controller = null;
    await watch();
    container.change(old);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([replaced, noticed]).toEqual([[], []]);
  });

  it('by a worker from another script is one, also where nobody was in control', async () => {
    container.controller = null;
    await watch();
    container.change(new FakeWorker(`${SCOPE}evil.js`));
    expect(replaced).toMatchObject([{ code: 'verifier-replaced' }]);
  });

  it('that is gone is noticed', async () => {
    await watch();
    container.change(null);
    expect(noticed).toMatchObject([{ code: 'uncontrolled' }]);
    expect(replaced).toEqual([]);
  });
});

describe('what is registered', () => {
  it('inside the scope besides ours is noticed, once', async () => {
    const watcher = await watch();
    const foreign = new FakeRegistration(`${SCOPE}shop/`, new FakeWorker(`${SCOPE}shop/sw.js`));
    container.registrations.push(foreign, new FakeRegistration('https://example.com/', old));
    await watcher.inspect();
    await watcher.inspect();
    expect(noticed).toMatchObject([
      { code: 'foreign-registration', facts: { url: `${SCOPE}shop/`, actual: `${SCOPE}shop/sw.js` } },
    ]);
    foreign.active = new FakeWorker(`${SCOPE}shop/another.js`);
    await watcher.inspect();
    expect(noticed).toHaveLength(2);
    expect(container.registered).toBe(0);
  });

  it('with the HTTP cache allowed is registered again without', async () => {
    const watcher = await watch();
    registration.updateViaCache = 'all';
    await watcher.inspect();
    expect(container.registered).toBe(1);
    expect(registration.updateViaCache).toBe('none');
    expect(noticed).toMatchObject([{ code: 'foreign-registration', facts: { actual: 'updateViaCache all' } }]);
  });

  it('no more is registered again, and watched again', async () => {
    const watcher = await watch();
    container.registrations = [];
    await watcher.inspect();
    expect(container.registrations).toHaveLength(1);
    expect(noticed).toMatchObject([{ code: 'uncontrolled', facts: { actual: 'no registration' } }]);
    // Firefox lets the new registration's worker take over.
    container.change(container.registrations[0]?.active ?? null);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(replaced).toEqual([]);
    container.registrations[0]?.find(incomer(`${SCOPE}evil.js`));
    expect(replaced).toHaveLength(1);
  });

  it('C11 again is watched over from then on, also where the page stays under the old worker', async () => {
    const watcher = await watch();
    container.registrations = [];
    await watcher.inspect();
    const next = incomer();
    container.registrations[0]?.find(next);
    await settled();
    container.change(next);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(replaced).toMatchObject([{ code: 'verifier-replaced' }]);
  });

  it('C11 no more, and again, does not silence what the old worker has found: not signed', async () => {
    const watcher = await watch();
    const next = incomer();
    registration.find(next);
    await settled();
    // The new worker’s script unregisters, so that the page makes it the first one, which nobody judges.
    container.registrations = [];
    await watcher.inspect();
    container.change(container.registrations[0]?.active ?? next);
    say(watcher, { isSigned: false, refusal: { code: 'verifier-replaced', message: 'Not the signed one.', facts: {} } });
    expect(replaced).toMatchObject([{ code: 'verifier-replaced', message: 'Not the signed one.' }]);
  });

  it('no more is left alone when the watch has ended', async () => {
    const watcher = await watch();
    container.registrations = [];
    end.abort();
    await watcher.inspect();
    container.change(null);
    expect([container.registered, noticed]).toEqual([0, []]);
  });
});

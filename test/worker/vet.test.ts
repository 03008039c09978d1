import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WorkerEvent } from '../../src/messages/messages.js';
import { LOOK_AGAIN_AFTER, vet, vetNext } from '../../src/worker/vet.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

const SCRIPT = '/vouchsafe-worker.js';

let repository: RepositorySimulator;
let browser: SimulatedBrowser;
/** Called instead of the pause before the second look; when it returns false, the pause does not end by itself. */
let pause: ReturnType<typeof vi.fn<() => unknown>>;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  pause = vi.fn();
  const { setTimeout } = globalThis;
  const shortened = (work: () => void, milliseconds: number) =>
    milliseconds === LOOK_AGAIN_AFTER
      ? void Promise.resolve()
          .then(pause)
          .then((ends) => ends !== false && work())
      : setTimeout(work, milliseconds);
  vi.stubGlobal('setTimeout', shortened);
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
  await repository.release({ 'vouchsafe.json': manifestWith(), 'index.html': 'one', 'vouchsafe-worker.js': 'signed' });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

describe('vet', () => {
  it('tells a signed worker script from another one, and from none', async () => {
    const parts = browser.start();
    repository.files.set(SCRIPT, utf8('signed'));
    expect(await vet(parts)).toEqual({ isSigned: true });
    repository.files.set(SCRIPT, utf8('evil'));
    const refusal = { code: 'verifier-replaced', facts: { url: `${SCOPE.href}vouchsafe-worker.js` } };
    expect(await vet(parts)).toMatchObject({ isSigned: false, refusal });
    expect(await parts.violations.list()).toMatchObject([{ during: 'watch', ...refusal }]);
    // No script is no other script.
    repository.files.delete(SCRIPT);
    expect(await vet(parts)).toEqual({ isSigned: undefined });
    repository.files.set('/elsewhere.js', utf8('signed'));
    browser.scripts = { ...browser.scripts, waiting: `${SCOPE.href}elsewhere.js` };
    expect(await vet(browser.start())).toMatchObject({ isSigned: false });
  });

  it('C11 has another script reported at once: the worker that is being replaced has no later', async () => {
    browser.scripts = { ...browser.scripts, waiting: `${SCOPE.href}vouchsafe-worker.js` };
    const report = vi.fn(async () => {});
    const postMessage = vi.fn();
    const parts = { ...browser.start(), report };
    Object.assign(parts.registration.waiting ?? {}, { state: 'installed', postMessage });
    repository.files.set(SCRIPT, utf8('signed'));
    await vetNext(parts);
    expect([report, postMessage].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
    repository.files.set(SCRIPT, utf8('evil'));
    await vetNext(parts);
    expect([report, postMessage].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  describe('with another worker beside this one', () => {
    const own = `self.vouchsafe={"build":"one","roots":[]};\nserve()`;
    const next = `self.vouchsafe={"build":"two","roots":[]};\nserve()`;
    const publish = (worker: string, index: string) =>
      repository.release({ 'vouchsafe.json': manifestWith(), 'index.html': index, 'vouchsafe-worker.js': worker });
    const serve = (worker: string) => repository.files.set(SCRIPT, utf8(worker));
    const postMessage = vi.fn();
    const incoming = Object.assign(new EventTarget(), {
      scriptURL: `${SCOPE.href}vouchsafe-worker.js`,
      state: 'installed',
      postMessage,
    });

    beforeEach(async () => {
      postMessage.mockClear();
      incoming.state = 'installed';
      await publish(own, 'one');
      serve(own);
    });

    function start() {
      const report = vi.fn(async () => {});
      const announce = vi.fn(async (_event: WorkerEvent) => {});
      const parts = { ...browser.start({ build: 'one' }), report, announce };
      Object.assign(parts.registration, { waiting: incoming });
      return parts;
    }

    it('C11 does not take the script that this worker is for the other one’s, whose bytes are others: the server lies to the browser alone', async () => {
      const parts = start();
      const refusal = { code: 'verifier-replaced', facts: { url: incoming.scriptURL } };
      expect(await vet(parts)).toMatchObject({ isSigned: false, refusal });
      expect(pause).toHaveBeenCalledTimes(1);
      expect(await parts.violations.list()).toMatchObject([{ during: 'watch', ...refusal }]);
      await vetNext(parts);
      expect(postMessage).not.toHaveBeenCalled();
      expect(parts.report).toHaveBeenCalledTimes(1);
      // Without another worker in sight, which a page may see earlier, it says just as little about one.
      Object.assign(parts.registration, { waiting: null });
      expect(await vet(parts)).toEqual({ isSigned: undefined });
    });

    it('lets a signed one take over', async () => {
      await publish(next, 'two');
      serve(next);
      await vetNext(start());
      expect(pause).not.toHaveBeenCalled();
      expect(postMessage.mock.calls).toEqual([[{ vouchsafe: 'take-over' }]]);
    });

    // What the servers of a CDN say while they have a deployment one after the other: of the browser, the worker and the metadata, each may be asked of another one.
    it.each([
      ['the script before the metadata', next, () => publish(next, 'two'), true],
      ['the old script', own, () => publish(next, 'two').then(() => serve(next)), true],
      ['the old script, and still does', own, () => publish(next, 'two'), undefined],
    ])('looks once more when the server has %s, and locks no page', async (_, served, deployed, isSigned) => {
      serve(served);
      pause.mockImplementation(deployed);
      const parts = start();
      expect(await vet(parts)).toEqual({ isSigned });
      expect(pause).toHaveBeenCalledTimes(1);
      expect(await parts.violations.list()).toEqual([]);
    });

    it('takes the script that this worker is for nobody’s when the signers have moved on', async () => {
      const parts = start();
      await parts.updates.update();
      await publish(next, 'two');
      await parts.updates.update();
      await parts.updates.activate();
      expect(await vet(parts)).toEqual({ isSigned: undefined });
      expect(pause).not.toHaveBeenCalled();
    });

    it('C11 does not wait for the second look when the other one, not signed, takes over', async () => {
      serve('evil');
      pause.mockImplementation(() => {
        incoming.state = 'activating';
        incoming.dispatchEvent(new Event('statechange'));
        return false;
      });
      const parts = start();
      const before = repository.requests.length;
      expect(await vet(parts)).toMatchObject({ isSigned: false });
      expect(repository.requests.slice(before).filter((path) => path === SCRIPT)).toHaveLength(1);
    });

    it('C11 takes nothing back when the server says nothing at the second look', async () => {
      serve('evil');
      pause.mockImplementation(() => repository.files.delete(SCRIPT));
      expect(await vet(start())).toMatchObject({ isSigned: false });
    });

    it('looks once for all who ask meanwhile', async () => {
      serve('evil');
      const parts = start();
      const before = repository.requests.length;
      const results = await Promise.all([vet(parts), vet(parts), vetNext(parts)]);
      expect(results[1]).toBe(results[0]);
      expect(repository.requests.slice(before).filter((path) => path === SCRIPT)).toHaveLength(2);
      expect(parts.announce.mock.calls.filter(([{ vouchsafe }]) => vouchsafe === 'vetted')).toHaveLength(1);
      await vet(parts);
      expect(pause).toHaveBeenCalledTimes(2);
    });
  });

  it('reads no more of a script than any signed one can have, and takes what is longer for another one', async () => {
    const parts = browser.start();
    const packet = new Uint8Array(2 ** 20);
    let sent = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 40) return controller.close();
        controller.enqueue(packet);
        sent++;
      },
      cancel() {
        isCancelled = true;
      },
    });
    repository.answer = (path) => (path === SCRIPT ? new Response(endless) : undefined);
    expect(await vet(parts)).toMatchObject({ isSigned: false, refusal: { code: 'verifier-replaced' } });
    expect(isCancelled).toBe(true);
    expect(sent).toBeLessThanOrEqual(18);
  });
});

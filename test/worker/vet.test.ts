import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { vet, vetNext } from '../../src/worker/vet.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

const SCRIPT = '/vouchsafe-worker.js';

let repository: RepositorySimulator;
let browser: SimulatedBrowser;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
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

  it('C11 does not take the script that this worker is for what the browser installs beside it: that one’s bytes are others', async () => {
    const own = `self.vouchsafe={"build":"one","roots":[]};\nserve()`;
    const next = `self.vouchsafe={"build":"two","roots":[]};\nserve()`;
    await repository.release({ 'vouchsafe.json': manifestWith(), 'index.html': 'one', 'vouchsafe-worker.js': own });
    repository.files.set(SCRIPT, utf8(own));
    browser.scripts = { ...browser.scripts, waiting: `${SCOPE.href}vouchsafe-worker.js` };
    const parts = browser.start({ build: 'one' });
    const postMessage = vi.fn();
    Object.assign(parts.registration.waiting ?? {}, { state: 'installed', postMessage });
    // The server lies to the browser alone.
    expect(await vet(parts)).toEqual({ isSigned: undefined });
    await vetNext(parts);
    expect(postMessage).not.toHaveBeenCalled();
    // Without another worker in sight, which a page may see earlier, it says just as little about one.
    browser.scripts = { active: `${SCOPE.href}vouchsafe-worker.js` };
    expect(await vet(browser.start({ build: 'one' }))).toEqual({ isSigned: undefined });

    // An honest deployment.
    await repository.release({ 'vouchsafe.json': manifestWith(), 'index.html': 'two', 'vouchsafe-worker.js': next });
    repository.files.set(SCRIPT, utf8(next));
    expect(await vet(parts)).toEqual({ isSigned: true });
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

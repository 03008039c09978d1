import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { answerOrRefuse } from '../../src/worker/start.js';
import { RepositorySimulator, START } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

it('what the status page shows is there for machines, with the violations and their diagnosis', async () => {
  const repository = await RepositorySimulator.create();
  await repository.release({ 'vouchsafe.json': manifestWith(), 'index.html': 'index' });
  const parts = new SimulatedBrowser(repository).start();
  await parts.updates.update();
  const ask = async (path: string) => {
    const { event, done } = fetchEvent(path, { destination: '' });
    const response = await answerOrRefuse(event, parts);
    await done();
    return response;
  };
  await ask('extra.js');
  const response = await ask('vouchsafe/status.json');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringContaining('application/json')]);
  expect(await response.json()).toMatchObject({
    freshness: 'fresh',
    timestamp: { version: 2, expires: expect.any(Number) },
    active: { id: expect.stringMatching(/^\d+-[0-9a-f]{16}$/), files: expect.any(Number) },
    keys: { root: { threshold: expect.any(Number), keyids: expect.any(Array) } },
    storage: { kept: 'indexeddb' },
    violations: [{ code: 'not-found', during: 'request', facts: { url: `${SCOPE.href}extra.js` } }],
  });
});

import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { answer } from '../../src/worker/answerer.js';
import { statusFor } from '../../src/worker/replies.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

// That a locked page sends it, and that it arrives, a browser test shows.
let repository: RepositorySimulator;
let browser: SimulatedBrowser;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
  repository.files.set('/api/reports', utf8('received'));
  repository.files.set('/api/other', utf8('received'));
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

it('a locked page’s report gets past the worker to the signed endpoint, and nothing else does', async () => {
  const asked = async (path: string, how: object) => {
    const { event, done } = fetchEvent(path, how);
    const said = await answer(event, parts).then(
      (response) => response.text(),
      ({ code }) => code as string,
    );
    await done();
    return said;
  };
  const report = { method: 'POST', destination: '' };
  const files = { 'vouchsafe.json': manifestWith({ reporting: { url: 'api/reports' } }), 'index.html': 'index' };
  await repository.release(files);
  let parts = browser.start();
  await parts.updates.update();
  expect((await statusFor('page', parts, () => {})).reporting).toBe(`${SCOPE.href}api/reports`);
  expect(await asked('api/reports', report)).toBe('received');
  for (const [path, how] of [
    ['api/other', report],
    ['api/reports?more', report],
    ['api/reports', { destination: '' }],
    ['api/reports', { method: 'PUT', destination: '' }],
    ['api/reports', { method: 'POST', destination: 'document', mode: 'navigate' }],
  ] as const) {
    expect(await asked(path, how), path).toMatch(/^(forbidden|not-found)$/);
  }

  await repository.release({ ...files, 'vouchsafe.json': manifestWith() });
  parts = browser.start();
  await parts.updates.update();
  await parts.updates.activate();
  expect(await statusFor('page', parts, () => {})).not.toHaveProperty('reporting');
  expect(await asked('api/reports', report)).toMatch(/^(forbidden|not-found)$/);
});

import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Violation } from '../../src/messages/messages.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

let repository: RepositorySimulator;
let browser: SimulatedBrowser;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('C8 a database that nobody can open mutes no report: what could not be stored is sent from memory, each once', async () => {
  vi.stubGlobal('indexedDB', {
    open() {
      throw new DOMException('Blocked.', 'SecurityError');
    },
  });
  const files = { 'vouchsafe.json': manifestWith({ reporting: { url: 'api/reports' } }), 'index.html': 'index' };
  await repository.release(files);
  const sent: string[] = [];
  repository.files.set('/api/reports', utf8('received'));
  const parts = browser.start();
  const asked = globalThis.fetch;
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    if (url === `${SCOPE.href}api/reports`)
      sent.push(...(JSON.parse(String(init.body)) as { body: Violation }[]).map(({ body }) => body.code));
    return asked(url, init);
  });
  vi.stubGlobal('navigator', { userAgent: 'a browser' });
  await parts.updates.update();
  expect(parts.life().kept).toBe('memory');
  await parts.violations.record(new VouchsafeError('mismatch', 'Not the signed one.', { path: 'app.js' }), 'request');
  await parts.report();
  await vi.waitFor(async () => {
    await parts.report();
    expect(sent).toContain('mismatch');
  });
  expect(sent).toContain('storage');
  await parts.report();
  expect(sent.filter((code) => code === 'mismatch')).toEqual(['mismatch']);
  expect((await parts.violations.list()).map(({ code }) => code)).toEqual(expect.arrayContaining(['storage', 'mismatch']));
});

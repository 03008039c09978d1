import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { answerReportOnly } from '../../src/worker/report-only.js';
import { RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

// What a page sees of it, a browser test shows.
let repository: RepositorySimulator;
let browser: SimulatedBrowser;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
  await repository.release({
    'vouchsafe.json': manifestWith({ enforce: ['admin/**'] }),
    'index.html': 'index',
    'app.js': 'app',
    'admin/admin.js': 'admin',
  });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

describe('a worker that only reports', () => {
  it('enforces paths also where the release lists nothing, and where they cannot be decoded', async () => {
    const parts = browser.start({ reportOnly: true });
    await parts.updates.update();
    const answered = async (path: string) => {
      repository.files.set(new URL(path, SCOPE).pathname, utf8('network'));
      const { event, done } = fetchEvent(path);
      const said = await answerReportOnly(event, parts).then(
        (response) => response.text(),
        (error) => error.code as string,
      );
      await done();
      return said;
    };
    // Signed, unlisted, in another spelling, and what no two servers decode alike.
    expect(await answered('admin/admin.js')).toBe('admin');
    expect(await answered('%61dmin/admin.js')).toBe('admin');
    for (const path of ['admin/evil.js', 'admin/', '%61dmin/evil.js', 'admin%2Fevil.js', 'admin/%ff.js', '%ff.js']) {
      expect(await answered(path), path).toBe('not-found');
    }
    expect(await parts.violations.list()).toEqual([]);
    // All else is the network's, and said.
    for (const path of ['app.js', 'extra.js', 'administration.js', 'x/admin/evil.js'])
      expect(await answered(path), path).toBe('network');
    expect((await parts.violations.list()).map(({ code, during }) => `${code} ${during}`)).toEqual([
      'mismatch report-only',
      ...Array(3).fill('not-found report-only'),
    ]);
  });
});

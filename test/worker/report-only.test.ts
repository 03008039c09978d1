import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ReplyParts, statusFor } from '../../src/worker/replies.js';
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

  it('enforces also for a page whose release is gone, and compares a page that is opened with the active one', async () => {
    await repository.release({
      'vouchsafe.json': manifestWith({
        enforce: ['console.html', 'admin/**'],
        navigation: { index: 'index.html', clean_urls: true },
      }),
      'index.html': 'index',
      'app.js': 'app',
      'console.html': 'console',
    });
    const parts = browser.start({ reportOnly: true });
    await parts.updates.update();
    const { event: opening } = fetchEvent('', { mode: 'navigate', destination: 'document' });
    await parts.releases.pins.pin(Object.assign(opening, { resultingClientId: 'tab' }), '9-gone');
    for (const path of ['', 'app.js', 'admin/evil.js', 'console'])
      repository.files.set(new URL(path, SCOPE).pathname, utf8('network'));
    const answered = async (path: string, how: object = path === 'console' ? { mode: 'navigate', destination: 'iframe' } : {}) => {
      const { event, done } = fetchEvent(path, { ...how, clientId: 'tab' });
      const response = await answerReportOnly(event, parts);
      await done();
      return response.text();
    };
    expect(await answered('app.js')).toBe('network');
    // Also what leads to an enforced file by another name.
    for (const path of ['admin/evil.js', 'admin/']) await expect(answered(path), path).rejects.toMatchObject({ code: 'storage' });
    expect(await answered('console')).toBe('console');
    // What has no release is refused by a worker that enforces.
    expect(await parts.violations.list()).toMatchObject([{ code: 'storage', during: 'report-only' }]);
    expect(await answered('', { mode: 'navigate', destination: 'document' })).toBe('network');
    expect((await parts.violations.list()).slice(1)).toMatchObject([{ code: 'mismatch', facts: { path: 'index.html' } }]);
  });

  describe('says of a page that is opened', () => {
    /** Opens one, and is told what was said of it. */
    const opened = async (parts: ReplyParts, path = ''): Promise<string[]> => {
      repository.files.set(`/${path}`, utf8('index'));
      const before = (await parts.violations.list()).length;
      const { event, done } = fetchEvent(path, { mode: 'navigate', destination: 'document' });
      const response = await answerReportOnly(event, parts);
      await done();
      expect([response.status, await response.text()]).toEqual([200, 'index']);
      const all = (await parts.violations.list()).slice(before);
      return all.filter(({ during }) => during === 'report-only').map(({ code }) => code);
    };
    const YEAR = 365 * 86_400_000;

    it('that its release would be frozen, when a look does not help', async () => {
      const parts = browser.start({ reportOnly: true });
      await parts.updates.update();
      vi.setSystemTime(START + YEAR / 2);
      expect(await opened(parts)).toEqual(['expired']);
      // Whoever wants to know why is not refused.
      expect(await opened(parts, 'vouchsafe/')).not.toContain('expired');
    });

    it('nothing when nobody had looked for long, and the look helps', async () => {
      const parts = browser.start({ reportOnly: true });
      await parts.updates.update();
      vi.setSystemTime(START + YEAR / 2);
      repository.now = START + YEAR / 2;
      await repository.publish();
      expect(await opened(parts)).toEqual([]);
    });

    it('that there is no release, unless this is for want of a network', async () => {
      const parts = browser.start({ reportOnly: true });
      const isMetadata = (path: string) => path.startsWith('/metadata/');
      repository.answer = (path) => (isMetadata(path) ? Promise.reject(new TypeError('offline')) : undefined);
      expect(await opened(parts)).toEqual([]);
      repository.answer = (path) => (isMetadata(path) ? new Response('{}') : undefined);
      expect(await opened(parts)).toEqual(['malformed']);
      repository.answer = undefined;
      expect(await opened(parts)).toEqual([]);
    });
  });

  it('looks at a navigation whether another worker waits, as one that enforces does', async () => {
    const onNavigation = vi.fn(async () => {});
    const parts = { ...browser.start({ reportOnly: true }), onNavigation };
    await parts.updates.update();
    for (const how of [{}, { mode: 'navigate', destination: 'document' }]) {
      const { event, done } = fetchEvent('', how);
      await answerReportOnly(event, parts);
      await done();
    }
    expect(onNavigation).toHaveBeenCalledTimes(1);
  });

  it('says in its status that it only reports', async () => {
    expect(await statusFor('', browser.start({ reportOnly: true }), () => {})).toMatchObject({ reportOnly: true });
    expect(await statusFor('', browser.start({ reportOnly: false }), () => {})).not.toHaveProperty('reportOnly');
  });

  it('reads no more of a body than tells what it is, and reports none that broke off', async () => {
    const parts = browser.start({ reportOnly: true });
    await parts.updates.update();
    let isCancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)),
      cancel() {
        isCancelled = true;
      },
    });
    const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError('gone')) });
    for (const body of [broken, endless]) {
      vi.stubGlobal('fetch', async () => new Response(body));
      const { event, done } = fetchEvent('app.js');
      const response = await answerReportOnly(event, parts);
      await done();
      // Of the two that read, the page is the other.
      await response.body?.cancel().catch(() => {});
    }
    expect(isCancelled).toBe(true);
    expect(await parts.violations.list()).toMatchObject([{ code: 'too-long', during: 'report-only', facts: { path: 'app.js' } }]);
  });
});

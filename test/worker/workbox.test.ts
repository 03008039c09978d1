import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { vouchsafeForWorkbox } from '../../src/worker/workbox.js';
import { RepositorySimulator, START } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

// What a real strategy does with it, a browser test shows.
let repository: RepositorySimulator;
let browser: SimulatedBrowser;

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
  await repository.release({
    'vouchsafe.json': manifestWith({
      navigation: { index: 'index.html', redirects: [{ from: 'old.html', to: 'new.html', status: 301 }] },
    }),
    'index.html': 'index',
    'new.html': 'new',
    'app.js': 'app',
  });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

describe('the Workbox plugin', () => {
  type Hook = 'fetchDidSucceed' | 'cachedResponseWillBeUsed';

  /** What comes of the network's, or a cache's, answer. */
  async function through(hook: Hook, path: string, body: string, how = {}): Promise<Response | null> {
    const { event, done } = fetchEvent(path, how);
    const response = new Response(body, { headers: { 'x-evil': '1' } });
    const given = { request: event.request, event, response, cachedResponse: response, cacheName: 'pages' };
    try {
      return (await plugin[hook]?.(given as never)) as Response | null;
    } finally {
      await done();
    }
  }
  let plugin: ReturnType<typeof vouchsafeForWorkbox>['plugin'];

  beforeEach(() => {
    browser.startLife();
    plugin = vouchsafeForWorkbox(browser.config()).plugin;
  });

  for (const hook of ['fetchDidSucceed', 'cachedResponseWillBeUsed'] as const) {
    it(`answers a redirect and a favicon from signed data, whatever came: ${hook}`, async () => {
      const page = { mode: 'navigate', destination: 'document' };
      const redirect = await through(hook, 'old.html', '<script>evil</script>', page);
      expect([redirect?.status, redirect?.headers.get('location')]).toEqual([301, `${SCOPE.href}new.html`]);
      const icon = await through(hook, 'favicon.ico', 'evil', { mode: 'no-cors', destination: 'image' });
      expect([icon?.status, await icon?.text()]).toEqual([404, '']);
      const file = await through(hook, 'app.js', 'app');
      expect([file?.headers.get('x-evil'), await file?.text()]).toEqual([null, 'app']);
    });
  }

  it('refuses, or in a cache passes by, what is not signed', async () => {
    for (const path of ['app.js', 'extra.js', '%ff.js', 'app.js/']) {
      const code = path === 'app.js' ? 'mismatch' : 'not-found';
      await expect(through('fetchDidSucceed', path, 'evil'), path).rejects.toMatchObject({ code });
      expect(await through('cachedResponseWillBeUsed', path, 'evil'), path).toBeNull();
    }
  });
});

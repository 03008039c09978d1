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

describe('the Workbox handler', () => {
  /** What Workbox's router does with it: it rejects where the handler does. */
  const handle = (event: object, request: Request) => {
    browser.startLife();
    const { handler } = vouchsafeForWorkbox(browser.config());
    return handler.handle({ event, request, url: new URL(request.url) } as never) as Promise<Response>;
  };

  it('refuses what no page asked for, such as the URLs that a window wants cached, and nobody’s attack is recorded', async () => {
    const request = new Request(new URL('app.js', SCOPE));
    const answer = await handle({ type: 'message', waitUntil() {} }, request);
    expect(answer.type).toBe('error');
    expect(await browser.start().violations.list()).toEqual([]);
  });

  it('answers although the refusal itself fails: Firefox loads the network’s page when it rejects', async () => {
    for (const how of [{}, { mode: 'navigate', destination: 'document' }]) {
      const { event, done } = fetchEvent('extra.js', how);
      const { waitUntil } = event;
      const fail = (work: Promise<unknown>) => {
        // The work goes on all the same.
        waitUntil(work);
        throw new DOMException('The event is over.', 'InvalidStateError');
      };
      const answer = await handle(Object.assign(event, { waitUntil: fail }), event.request);
      expect([answer.status, await answer.text()]).toEqual([503, '']);
      await done();
    }
  });

  it('C7 gives each answer bytes of its own: what the app’s worker writes to one does not come to the next page', async () => {
    browser.startLife();
    const { handler } = vouchsafeForWorkbox(browser.config());
    const read = async () => {
      const { event, done } = fetchEvent('app.js');
      const answer = (await handler.handle({
        event,
        request: event.request,
        url: new URL(event.request.url),
      } as never)) as Response;
      const reader = answer.body?.getReader();
      const { value } = (await reader?.read()) ?? {};
      await reader?.read();
      await done();
      return value;
    };
    (await read())?.fill(0x20);
    expect(new TextDecoder().decode(await read())).toBe('app');
  });

  it('C12 has pages reported that the worker does not control, as after a hard reload', async () => {
    browser.startLife();
    const matchAll = async ({ includeUncontrolled = false }) =>
      includeUncontrolled ? [{ id: 'past', url: SCOPE.href, postMessage: () => {} }] : [];
    Object.assign(globalThis.self, { clients: { matchAll } });
    const { handler } = vouchsafeForWorkbox(browser.config());
    const { event, done } = fetchEvent('', { mode: 'navigate', destination: 'document' });
    const request = { request: event.request, url: SCOPE };
    expect(((await handler.handle({ event, ...request } as never)) as Response).status).toBe(200);
    await done();
    expect(await browser.start().violations.list()).toContainEqual(
      expect.objectContaining({
        code: 'uncontrolled',
        during: 'watch',
        facts: expect.objectContaining({ url: SCOPE.href }),
      }),
    );
  });
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

  it('verifies the answer to a navigation preload, also when another plugin has made something else of it', async () => {
    const { event, done } = fetchEvent('', { mode: 'navigate', destination: 'document' });
    const { request } = event;
    const preloaded = new Response('index', { headers: { 'x-evil': '1' } });
    Object.assign(event, { preloadResponse: Promise.resolve(preloaded) });
    const respond = (response: Response) => plugin.handlerWillRespond?.({ request, event, response } as never) as Promise<Response>;
    const page = await respond(preloaded);
    expect([page.status, page.headers.get('x-evil')]).toEqual([200, null]);
    // Checked already: by this hook, or where the strategy went past the preload.
    expect(await respond(page)).toBe(page);
    expect(await page.text()).toBe('index');
    // A preload that never comes keeps nothing back that was checked.
    Object.assign(event, { preloadResponse: new Promise(() => {}) });
    expect(await respond(page)).toBe(page);
    Object.assign(event, { preloadResponse: Promise.resolve(preloaded) });
    const evil = await respond(new Response('<script>evil</script>'));
    expect([evil.status, await evil.text()]).toEqual([503, expect.stringContaining('mismatch')]);
    await done();
  });

  it('says in words that a worker cannot store by itself what it would verify', async () => {
    const request = new Request(new URL('app.js', SCOPE));
    const given = { request, event: { type: 'install', waitUntil() {} }, cachedResponse: new Response('app') } as never;
    const asked = plugin.requestWillFetch?.(given);
    await expect(asked).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('use the handler') });
    expect(await plugin.cachedResponseWillBeUsed?.(given)).toBeNull();
    // Nobody's attack.
    expect(await browser.start().violations.list()).toEqual([]);
    expect(await plugin.handlerDidError?.(given)).toBeUndefined();
  });

  it('hands on what came when it only reports, but for what is enforced', async () => {
    await repository.release({
      'vouchsafe.json': manifestWith({ enforce: ['admin/**'] }),
      'index.html': 'index',
      'app.js': 'app',
      'admin/admin.js': 'admin',
    });
    browser.startLife();
    plugin = vouchsafeForWorkbox(browser.config({ reportOnly: true })).plugin;
    // Without a release there is nothing to compare with; a page has it looked for.
    const page = await through('fetchDidSucceed', '', 'network', { mode: 'navigate', destination: 'document' });
    expect([page?.headers.get('x-evil'), await page?.text()]).toEqual(['1', 'network']);
    for (const hook of ['fetchDidSucceed', 'cachedResponseWillBeUsed'] as const) {
      const given = await through(hook, 'app.js', 'evil');
      expect([given?.headers.get('x-evil'), await given?.text()]).toEqual(['1', 'evil']);
    }
    await expect(through('fetchDidSucceed', 'admin/admin.js', 'evil')).rejects.toMatchObject({ code: 'mismatch' });
    expect(await through('cachedResponseWillBeUsed', 'admin/admin.js', 'evil')).toBeNull();
  });
});

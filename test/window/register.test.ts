import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Request, Status, WorkerEvent } from '../../src/messages/messages.js';
import { lockPage } from '../../src/window/lock.js';
import { type RegisterOptions, register, type Vouchsafe, type VouchsafeEventMap } from '../../src/window/register.js';
import { sampleStatus } from '../status/sample-status.js';
import { FakeContainer, FakeRegistration, FakeWorker } from './fake-container.js';
import { enterPage, type FakePage } from './page-globals.js';

// The screen itself is for real browsers: test/browser/register.spec.ts.
vi.mock('../../src/window/lock.js', () => ({ lockPage: vi.fn() }));

const SCOPE = 'https://example.org/';
const SCRIPT = `${SCOPE}vouchsafe-worker.js`;
const STAGED = { id: '13-e3b0c44298fc1c14', files: 3, bytes: 300 };

let worker: FakeWorker;
let container: FakeContainer;
let page: FakePage;
let status = sampleStatus(0);
let opened: Vouchsafe[];

const answer = ({ vouchsafe }: Request): unknown =>
  ({
    status,
    activate: { activated: STAGED },
    look: null,
    policy: null,
    report: null,
    verify: { files: 3 },
    update: 0,
    vet: 0,
    'take-over': 0,
  })[vouchsafe];

beforeEach(() => {
  worker = new FakeWorker(SCRIPT, 'activated', answer);
  container = new FakeContainer(new FakeRegistration(SCOPE, worker), worker);
  page = enterPage(container);
  status = sampleStatus(0);
  opened = [];
  vi.mocked(lockPage).mockClear();
});

afterEach(() => {
  // Ends its timers.
  for (const _ of opened) container.say({ vouchsafe: 'stood-down' }, worker);
  vi.unstubAllGlobals();
});

async function open(options: RegisterOptions = {}) {
  const vouchsafe = await register(options);
  opened.push(vouchsafe);
  const heard: [string, unknown][] = [];
  const types: (keyof VouchsafeEventMap)[] = ['progress', 'verifying', 'staged', 'activated', 'violation', 'state', 'stood-down'];
  for (const type of types) vouchsafe.addEventListener(type, ({ detail }) => heard.push([type, detail]));
  return { vouchsafe, heard };
}

const wasSent = (name: Request['vouchsafe']) => worker.sent.filter(({ vouchsafe }) => vouchsafe === name);

describe('register()', () => {
  it.each<[string, (registration: FakeRegistration) => RegisterOptions | undefined, number]>([
    ['is the same', () => undefined, 0],
    ['is the same, by other names', () => ({ worker: '../vouchsafe-worker.js', scope: '/' }), 0],
    ['has another script', () => ({ worker: '/other/worker.js', scope: '/' }), 1],
    ['has another scope', () => ({ scope: '/shop/' }), 1],
    ['has no active worker', (found) => void Object.assign(found, { waiting: worker, active: null }), 1],
  ])('registers the worker, or goes by what is registered, where that %s', async (_, change, registered) => {
    const [found] = container.registrations;
    await open(found && change(found));
    expect(container.registered).toBe(registered);
  });

  it.each<[string, (registration: FakeRegistration) => void]>([
    ['is about to have another script', (found) => found.find(new FakeWorker(`${SCOPE}evil.js`, 'installing'))],
    ['lets the HTTP cache answer', (found) => Object.assign(found, { updateViaCache: 'imports' })],
  ])('registers the worker again, and does not wait for that, where what is registered %s', async (_, change) => {
    const [found] = container.registrations;
    if (found) change(found);
    status = sampleStatus(0, { staged: STAGED });
    const registered = vi.spyOn(container, 'register').mockReturnValue(new Promise(() => {}));
    const { heard } = await open();
    await vi.waitFor(() => expect(registered).toHaveBeenCalledTimes(1));
    await vi.waitFor(() => expect(heard).toContainEqual(['staged', STAGED]));
  });

  it('refuses what is no URL, which it names, also under Trusted Types', async () => {
    // A `TrustedScriptURL` is an object.
    vi.stubGlobal('trustedTypes', { createPolicy: () => ({ createScriptURL: (url: string) => ({ toString: () => url }) }) });
    container.register = (url) => Promise.reject(new TypeError(`${url} is no URL`));
    await expect(open({ worker: 'https://[' })).rejects.toMatchObject({ code: 'forbidden', facts: { url: 'https://[' } });
  });

  it.each([{ activation: 'prompt' as const }, {}])('tells the worker what it says about activation: %o', async (options) => {
    await open(options);
    await vi.waitFor(() => expect(wasSent('policy')).toEqual([{ vouchsafe: 'policy', activation: options.activation }]));
  });

  it('tells of a release that was staged before, once', async () => {
    status = sampleStatus(0, { staged: STAGED });
    const { heard } = await open();
    await vi.waitFor(() => expect(heard).toEqual([['staged', STAGED]]));
    container.say({ vouchsafe: 'staged', release: STAGED });
    expect(heard).toHaveLength(1);
    const newer = { ...STAGED, id: '14-0000000000000000' };
    container.say({ vouchsafe: 'staged', release: newer });
    expect(heard.at(-1)).toEqual(['staged', newer]);
  });

  it('tells of what the worker says, and of nobody else', async () => {
    const { heard } = await open();
    const progress = { files: 1, totalFiles: 2, bytes: 3, totalBytes: 4 };
    container.say({ vouchsafe: 'verifying', progress }, new FakeWorker(`${SCOPE}other.js`));
    container.say({ vouchsafe: 'verifying', progress }, null);
    expect(heard).toEqual([]);
    container.say({ vouchsafe: 'progress', progress });
    container.say({ vouchsafe: 'verifying', progress });
    container.say({ vouchsafe: 'state', freshness: 'stale' });
    expect(heard).toEqual([
      ['progress', progress],
      ['verifying', progress],
      ['state', 'stale'],
    ]);
  });

  it('reload() activates, then loads the page again', async () => {
    const { vouchsafe } = await open();
    const reloading = vouchsafe.reload();
    expect(page.reload).not.toHaveBeenCalled();
    await reloading;
    expect(wasSent('activate')).toHaveLength(1);
    expect(page.reload).toHaveBeenCalledTimes(1);
  });

  it('verify() is answered by the worker', async () => {
    const { vouchsafe } = await open();
    expect(await vouchsafe.verify()).toEqual({ files: 3 });
  });

  it('asks once in a tab to keep what is stored, when a release is active', async () => {
    status = sampleStatus(0);
    await open();
    await vi.waitFor(() => expect(page.persist).toHaveBeenCalledTimes(1));
    await open();
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(page.persist).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['the app does not want it', { persist: false }, sampleStatus(0)],
    ['no release is active', {}, (({ active: _, ...rest }) => rest)(sampleStatus(0))],
  ])('does not ask to keep anything when %s', async (_, options, given) => {
    status = given;
    await open(options);
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(page.persist).not.toHaveBeenCalled();
  });

  it('reports a page that was loaded past the worker that was there', async () => {
    container.controller = null;
    await open({ worker: SCRIPT });
    await vi.waitFor(() => expect(wasSent('report')).toMatchObject([{ refusal: { code: 'uncontrolled' } }]));
  });

  it('tells the app itself of what the worker cannot record', async () => {
    container.controller = null;
    worker.answer = (request) => (request.vouchsafe === 'report' ? new Error('Unknown request.') : answer(request));
    const { heard } = await open({ worker: SCRIPT });
    await vi.waitFor(() => expect(heard).toMatchObject([['violation', { code: 'uncontrolled', during: 'watch' }]]));
  });

  it('is no report on the first visit', async () => {
    container.controller = null;
    worker.state = 'activating';
    await open({ worker: SCRIPT });
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
    expect(wasSent('report')).toEqual([]);
  });
});

describe('a worker that was replaced', () => {
  const evil = new FakeWorker(`${SCOPE}evil.js`);

  it('locks the page and tells the app, and asks the new one nothing', async () => {
    const { heard } = await open();
    container.change(evil);
    expect(heard).toMatchObject([['violation', { code: 'verifier-replaced', during: 'watch' }]]);
    expect(lockPage).toHaveBeenCalledTimes(1);
    container.change(new FakeWorker(`${SCOPE}evil-2.js`));
    expect(lockPage).toHaveBeenCalledTimes(1);
    expect(evil.sent).toEqual([]);
  });

  it.each<WorkerEvent>([{ vouchsafe: 'stood-down' }, { vouchsafe: 'vetted', vet: { isSigned: true } }])(
    'C11 locks the page, even if it says %o while an answer of the old one may be on its way',
    async (event) => {
      const { heard } = await open();
      const next = new FakeWorker(SCRIPT, 'installing');
      container.registrations[0]?.find(next);
      if (container.registrations[0]) container.registrations[0].active = next;
      container.say(event, next);
      container.change(next);
      container.say(event, next);
      await vi.waitFor(() => expect(lockPage).toHaveBeenCalledTimes(1), { timeout: 5_000 });
      expect(heard).toMatchObject([['violation', { code: 'verifier-replaced' }]]);
    },
  );

  it.each<[string, Partial<Status>, RegisterOptions, { locks: boolean; reports: number }]>([
    ['locks the page, which reports it', { reporting: 'https://reports.test/' }, {}, { locks: true, reports: 1 }],
    ['locks no page of a worker that only reports', { reportOnly: true }, {}, { locks: false, reports: 0 }],
    ['locks no page that wants to be told only', {}, { replaced: 'report' }, { locks: false, reports: 0 }],
  ])(
    'before the page was opened, by another script that waits, %s, and is told to who listens',
    async (_, says, options, { locks, reports }) => {
      status = sampleStatus(0, says);
      const fetched = vi.fn<typeof fetch>(async () => Promise.reject(new TypeError('refused')));
      vi.stubGlobal('fetch', fetched);
      container.registrations[0]?.find(new FakeWorker(`${SCOPE}evil.js`, 'installing'));
      const { heard } = await open(options);
      await vi.waitFor(() => expect(heard).toMatchObject([['violation', { code: 'verifier-replaced' }]]));
      expect(lockPage).toHaveBeenCalledTimes(locks ? 1 : 0);
      expect(fetched).toHaveBeenCalledTimes(reports);
    },
  );

  it('before the page was opened locks it also where the worker does not say what it is', async () => {
    worker.answer = () => undefined;
    container.registrations[0]?.find(new FakeWorker(`${SCOPE}evil.js`, 'installing'));
    await open();
    await vi.waitFor(() => expect(lockPage).toHaveBeenCalledTimes(1), { timeout: 5_000 });
  });

  it('is reported by the page, once, to where the worker said that it reports to when the page began', async () => {
    // The last thing that it does when it begins.
    const begun = async (options: RegisterOptions = {}): Promise<Vouchsafe> => {
      const { vouchsafe, heard } = await open(options);
      await vi.waitFor(() => expect(heard).toEqual([['staged', STAGED]]));
      return vouchsafe;
    };
    status = sampleStatus(0, { staged: STAGED });
    const fetched = vi.fn<typeof fetch>(async () => Promise.reject(new TypeError('refused')));
    vi.stubGlobal('fetch', fetched);
    await begun();
    container.change(evil);
    expect(fetched).not.toHaveBeenCalled();

    container.change(worker);
    status = sampleStatus(0, { staged: STAGED, reporting: 'https://reports.test/' });
    const pages = [await begun(), await begun({ replaced: 'report' })];
    // Who takes over says something else before it is found out.
    status = sampleStatus(0);
    for (const vouchsafe of pages) await vouchsafe.status();
    container.change(evil);
    container.change(new FakeWorker(`${SCOPE}evil-2.js`));
    expect(fetched).toHaveBeenCalledTimes(1);
    const [url, sent] = fetched.mock.calls[0] ?? [];
    expect([url, sent?.method, sent?.keepalive]).toEqual(['https://reports.test/', 'POST', true]);
    expect(JSON.parse(String(sent?.body))).toMatchObject([
      { type: 'vouchsafe-violation', url: SCOPE, body: { code: 'verifier-replaced', during: 'watch', release: status.active?.id } },
    ]);
  });

  it('only tells the app when that is what it wants', async () => {
    const { heard } = await open({ replaced: 'report' });
    container.change(evil);
    expect(heard).toHaveLength(1);
    expect(lockPage).not.toHaveBeenCalled();
  });

  describe('when the worker only reports', () => {
    const violation = { code: 'verifier-replaced', message: 'Not signed.', facts: {}, time: 1, during: 'watch' } as const;
    const begun = async (options: RegisterOptions = {}) => {
      status = sampleStatus(0, { reportOnly: true, staged: STAGED });
      const page = await open(options);
      await vi.waitFor(() => expect(page.heard).toEqual([['staged', STAGED]]));
      return page;
    };

    it('is told to the app, and the page goes on', async () => {
      const { heard } = await begun();
      container.say({ vouchsafe: 'violation', violation });
      container.change(evil);
      expect(heard.slice(1)).toMatchObject([
        ['violation', violation],
        ['violation', { code: 'verifier-replaced' }],
      ]);
      expect(lockPage).not.toHaveBeenCalled();
    });

    it('locks all the same when the app says so', async () => {
      await begun({ replaced: 'lock' });
      container.change(evil);
      expect(lockPage).toHaveBeenCalledTimes(1);
    });

    it('C11 locks when it is the new worker who says that it only reports', async () => {
      // The old one says nothing any more, and what begins with the page asks its successor.
      worker.answer = (request) => (request.vouchsafe === 'status' ? undefined : answer(request));
      const { vouchsafe, heard } = await open();
      await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
      const successor = new FakeWorker(SCRIPT, 'activated', answer);
      status = sampleStatus(0, { reportOnly: true, staged: STAGED });
      Object.assign(vouchsafe.registration, { active: successor });
      await vi.waitFor(() => expect(heard).toEqual([['staged', STAGED]]), { timeout: 5_000 });
      container.change(successor);
      expect(lockPage).toHaveBeenCalledTimes(1);
    });
  });

  it('as the old worker says so, locks too', async () => {
    const { heard } = await open();
    const violation = { code: 'verifier-replaced', message: 'Not signed.', facts: {}, time: 1, during: 'watch' } as const;
    container.say({ vouchsafe: 'violation', violation: { ...violation, code: 'mismatch' } });
    expect(lockPage).not.toHaveBeenCalled();
    container.say({ vouchsafe: 'violation', violation });
    expect(heard).toHaveLength(2);
    expect(lockPage).toHaveBeenCalledWith(violation);
  });

  it('after it stood down is none, and nothing is registered again', async () => {
    const { heard } = await open();
    container.say({ vouchsafe: 'stood-down' });
    container.registrations = [];
    container.change(null);
    container.change(evil);
    expect(heard).toEqual([['stood-down', null]]);
    expect(lockPage).not.toHaveBeenCalled();
    expect(container.registered).toBe(0);
  });
});

describe('the worker of a page that none controls yet', () => {
  it.each([
    [undefined, '/vouchsafe-worker.js'],
    ['/docs/vouchsafe-worker.js', '/docs/vouchsafe-worker.js'],
  ])('with %s from the Vite plugin is %s', async (defined, expected) => {
    container.controller = null;
    container.registrations = [];
    vi.stubGlobal('__VOUCHSAFE_WORKER__', defined);
    await open();
    expect(container.script).toBe(expected);
    await open({ worker: '/other/worker.js' });
    expect(container.script).toBe('/other/worker.js');
  });
});

describe('a page from the back/forward cache', () => {
  const comeBack = (persisted: boolean) => window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted }));

  it('is loaded again when the worker no longer knows its release', async () => {
    const { pinned: _, ...forgotten } = sampleStatus(0);
    await open();
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
    status = forgotten;
    comeBack(false);
    expect(wasSent('status')).toHaveLength(1);
    comeBack(true);
    await vi.waitFor(() => expect(page.reload).toHaveBeenCalledTimes(1));
  });

  it('is loaded again when the worker knows it for one of another release', async () => {
    status = sampleStatus(0, { pinned: '12-0000000000000000' });
    await open();
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
    status = sampleStatus(0, { pinned: STAGED.id });
    comeBack(true);
    await vi.waitFor(() => expect(page.reload).toHaveBeenCalledTimes(1));
  });

  it('goes on when it does', async () => {
    await open();
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(1));
    comeBack(true);
    await vi.waitFor(() => expect(wasSent('status')).toHaveLength(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(page.reload).not.toHaveBeenCalled();
  });
});

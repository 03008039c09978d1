import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pin } from '../../src/store/store.js';
import { type OpenClient, Pins } from '../../src/worker/pins.js';

const page = (id: string, url = 'https://app.example/', type = 'window') => ({ id, url, type });
const navigation = (resultingClientId: string, url = 'https://app.example/') => ({
  resultingClientId,
  request: { mode: 'navigate', url },
});
const worker = (resultingClientId: string, url: string) => ({ resultingClientId, request: { mode: 'same-origin', url } });
const request = (clientId: string, referrer = '') => ({ clientId, request: { referrer } });

let open: OpenClient[];
let saved: Map<string, Pin>;
let pins: Pins;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  open = [];
  saved = new Map();
  const clients = { matchAll: async () => open };
  pins = new Pins(clients, async (client, release, time) => void saved.set(client, { release, time }));
});
afterEach(() => void vi.useRealTimers());

describe('Pins', () => {
  it('C14 keeps a client on the release that its document came from, and tells the store', async () => {
    await pins.pin(navigation('tab'), 'one');
    expect(await pins.ofRequest(request('tab'), 'two')).toEqual(['one']);
    expect([...saved]).toEqual([['tab', { release: 'one', time: Date.now() }]]);
    // What it starts inherits from nobody but itself.
    expect(await pins.ofRequest(request('other'), 'two')).toEqual(['two']);
  });

  it('C14 keeps a client that nobody knew on the release that answered it first, and tells the store', async () => {
    expect(pins.adopt('lost', 'one')).toBe('one');
    expect(await pins.ofRequest(request('lost'), 'two')).toEqual(['one']);
    expect([...saved]).toEqual([['lost', { release: 'one', time: Date.now() }]]);
    // Its own pin is there after all, or another request of its was faster.
    expect(pins.adopt('lost', 'two')).toBe('one');
    await pins.pin(navigation('tab'), 'one');
    expect(pins.adopt('tab', 'two')).toBe('one');
    expect(saved.size).toBe(2);
    // Where the browser names nobody, nobody is pinned.
    expect(pins.adopt('', 'two')).toBe('two');
    expect(await pins.ofRequest(request(''), 'three')).toEqual(['three']);
    expect(saved.size).toBe(2);
  });

  it('C14 knows a page by its address where the browser names no client: the tab opened last first', async () => {
    open = [page('old'), page('new'), page('elsewhere', 'https://app.example/elsewhere')];
    await pins.pin(navigation('elsewhere'), 'three');
    await pins.pin(navigation('old'), 'one');
    vi.advanceTimersByTime(1);
    await pins.pin(navigation('new'), 'two');
    expect(await pins.ofRequest(request('', 'https://app.example/'), 'three')).toEqual(['two', 'one', 'three']);
    expect(await pins.ofRequest(request('', 'https://app.example/elsewhere'), 'three')).toEqual(['three']);
    expect(await pins.ofRequest(request(''), 'three')).toEqual(['three']);
  });

  it('C14 knows a worker by the address of its script', async () => {
    open = [page('tab')];
    await pins.pin(navigation('tab'), 'one');
    await pins.pin(worker('inner', 'https://app.example/inner.js'), 'one');
    expect(await pins.ofRequest(request('', 'https://app.example/inner.js'), 'two')).toEqual(['one']);
    expect(await pins.ofRequest(request('inner'), 'two')).toEqual(['one']);
  });

  it('does not ask the browser when every page is on the active release', async () => {
    const matchAll = vi.fn(async () => open);
    pins = new Pins({ matchAll }, async () => {});
    await pins.pin(navigation('tab'), 'one');
    expect(await pins.ofRequest(request('', 'https://app.example/'), 'one')).toEqual(['one']);
    expect(matchAll).not.toHaveBeenCalled();
  });

  it('C14 counts no client that is gone, but one that is still on its way', async () => {
    open = [page('tab'), page('closing')];
    await pins.pin(navigation('tab'), 'one');
    await pins.pin(navigation('closing'), 'one');
    await pins.pin(navigation('arriving'), 'one');
    await pins.pin(worker('gone', 'https://app.example/w.js'), 'two');
    // What is kept for pages on their way is not yet open in them: they may also have gone again.
    const counted = [
      ['one', 2],
      ['two', 0],
    ];
    expect([...(await pins.open())]).toEqual(counted);
    open = [page('tab')];
    // What was listed before has closed; what was not may have a long answer to wait for.
    vi.advanceTimersByTime(10_001);
    expect([...(await pins.open())]).toEqual([
      ['one', 1],
      ['two', 0],
    ]);
    vi.advanceTimersByTime(110_000);
    expect([...(await pins.open())]).toEqual([['one', 1]]);
    // A page may come back from the back/forward cache, as the client that it was.
    expect(['arriving', 'closing', 'gone', 'tab', 'https://app.example/w.js'].filter(pins.has)).toEqual([
      'arriving',
      'closing',
      'gone',
      'tab',
    ]);
    expect(await pins.ofRequest(request('gone'), 'one')).toEqual(['two']);
    expect(pins.of('https://app.example/w.js')).toBeUndefined();
  });

  it('C14 remembers a hundred of those that are gone, those last that were seen last', async () => {
    const ids = Array.from({ length: 150 }, (_, i) => `tab ${i}`);
    open = ids.map((id) => page(id));
    for (const id of ids) await pins.pin(navigation(id), 'one');
    vi.advanceTimersByTime(120_001);
    // Pinned first, seen last.
    open = [page('tab 0'), page('tab 149')];
    await pins.open();
    open = [page('tab 149')];
    expect([...(await pins.open())]).toEqual([['one', 1]]);
    expect(ids.filter(pins.has)).toHaveLength(101);
    expect(['tab 0', 'tab 149', 'tab 148', 'tab 2'].map(pins.has)).toEqual([true, true, true, false]);
  });

  it('C14 a page that names no referrer: what it frames is of its release when all open pages are of one', async () => {
    open = [page('old'), page('other', 'https://app.example/other'), page('script', 'https://app.example/w.js', 'worker')];
    await pins.pin(navigation('old'), 'one');
    await pins.pin(navigation('other'), 'one');
    expect(await pins.ofRequest(request(''), 'two')).toEqual(['one', 'two']);
    // One that nobody knows, or one of the active release, may be the page that asks.
    open.push(page('unknown', 'https://app.example/elsewhere/'));
    expect(await pins.ofRequest(request(''), 'two')).toEqual(['two']);
    await pins.pin(navigation('unknown'), 'two');
    expect(await pins.ofRequest(request(''), 'two')).toEqual(['two']);
    open = [];
    expect(await pins.ofRequest(request(''), 'two')).toEqual(['two']);
  });

  it('takes no page for open because of a time that has not come yet', async () => {
    pins.load(new Map([['tab', { release: 'one', time: Date.now() + 1e9 }]]));
    expect(await pins.open()).toEqual(new Map());
  });

  it('C14 goes on when the browser lists no clients: nobody is gone, and who asks is known by the address', async () => {
    vi.useFakeTimers();
    pins = new Pins({ matchAll: () => new Promise(() => {}) }, async () => {});
    await pins.pin(navigation('tab'), 'one');
    await pins.pin(worker('worker', 'https://app.example/w.js'), 'one');
    vi.setSystemTime(Date.now() + 200_000);
    const asked = [pins.open(), pins.ofRequest(request('', 'https://app.example/w.js'), 'two'), pins.ofRequest(request(''), 'two')];
    await vi.advanceTimersByTimeAsync(3_000);
    const [open, ofWorker, ofNobody] = await Promise.all(asked);
    expect(open).toEqual(new Map([['one', 2]]));
    expect([ofWorker, ofNobody]).toEqual([['one'], ['two']]);
    vi.useRealTimers();
  });

  it('believes what it knows over what is stored', async () => {
    await pins.pin(navigation('tab'), 'one');
    pins.load(
      new Map([
        ['tab', { release: 'evil', time: 0 }],
        ['other', { release: 'two', time: Date.now() - 10_001 }],
      ]),
    );
    expect(pins.of('tab')).toBe('one');
    expect(pins.of('other')).toBe('two');
    // An earlier life has answered it: it is there by now, or does not come.
    open = [page('tab')];
    expect([...(await pins.open())]).toEqual([['one', 1]]);
  });
});

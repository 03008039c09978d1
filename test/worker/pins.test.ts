import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pin } from '../../src/store/store.js';
import { Pins } from '../../src/worker/pins.js';

const page = (id: string, url = 'https://app.example/') => ({ id, url });
const navigation = (resultingClientId: string, url = 'https://app.example/') => ({
  resultingClientId,
  request: { mode: 'navigate', url },
});
const worker = (resultingClientId: string, url: string) => ({ resultingClientId, request: { mode: 'same-origin', url } });
const request = (clientId: string, referrer = '') => ({ clientId, request: { referrer } });

let open: { id: string; url: string }[];
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
    open = [page('tab')];
    await pins.pin(navigation('tab'), 'one');
    await pins.pin(navigation('arriving'), 'one');
    await pins.pin(worker('gone', 'https://app.example/w.js'), 'two');
    // What is kept for pages on their way is not yet open in them: they may also have gone again.
    expect([...(await pins.open()).clients]).toEqual([
      ['one', 1],
      ['two', 0],
    ]);
    vi.advanceTimersByTime(10_001);
    const { clients, names } = await pins.open();
    expect([...clients]).toEqual([['one', 1]]);
    // A page may come back from the back/forward cache, as the client that it was.
    expect([...names].sort()).toEqual(['arriving', 'gone', 'tab']);
    expect(await pins.ofRequest(request('gone'), 'one')).toEqual(['two']);
    expect(pins.of('https://app.example/w.js')).toBeUndefined();
  });

  it('C14 remembers a hundred of those that are gone, those last that were seen last', async () => {
    const ids = Array.from({ length: 150 }, (_, i) => `tab ${i}`);
    open = ids.map((id) => page(id));
    for (const id of ids) await pins.pin(navigation(id), 'one');
    vi.advanceTimersByTime(10_001);
    // Pinned first, seen last.
    open = [page('tab 0'), page('tab 149')];
    await pins.open();
    open = [page('tab 149')];
    const { clients, names } = await pins.open();
    expect([...clients]).toEqual([['one', 1]]);
    expect(names.size).toBe(101);
    expect(['tab 0', 'tab 149', 'tab 148', 'tab 2'].map((name) => names.has(name))).toEqual([true, true, true, false]);
  });

  it('believes what it knows over what is stored', async () => {
    await pins.pin(navigation('tab'), 'one');
    pins.load(
      new Map([
        ['tab', { release: 'evil', time: 0 }],
        ['other', { release: 'two', time: 0 }],
      ]),
    );
    expect(pins.of('tab')).toBe('one');
    expect(pins.of('other')).toBe('two');
  });
});

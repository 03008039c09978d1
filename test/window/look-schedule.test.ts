import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerPeriodicSync, scheduleLooks } from '../../src/window/look-schedule.js';

const HOUR = 3_600_000;
let document: EventTarget & { visibilityState: DocumentVisibilityState };
let window: EventTarget;
let end: AbortController;
let look: ReturnType<typeof vi.fn<() => Promise<unknown>>>;

beforeEach(() => {
  vi.useFakeTimers();
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' as const });
  window = new EventTarget();
  end = new AbortController();
  look = vi.fn(async () => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const begin = (random = 0.5, every = 3_600) => scheduleLooks(look, every, { window, document }, end.signal, () => random);

function show(visibilityState: DocumentVisibilityState): void {
  document.visibilityState = visibilityState;
  document.dispatchEvent(new Event('visibilitychange'));
}

describe('when a page looks for a newer release', () => {
  it.each([
    [0, 0.8],
    [0.5, 1],
    [0.999999, 1.2],
  ])('with the random number %d after %d of the interval, and again', (random, share) => {
    begin(random);
    vi.advanceTimersByTime(share * HOUR - 10_000);
    expect(look).not.toHaveBeenCalled();
    vi.advanceTimersByTime(20_000);
    expect(look).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(share * HOUR);
    expect(look).toHaveBeenCalledTimes(2);
  });

  it('not while it is hidden; at once when it is shown after a tenth of the interval, and not before', () => {
    begin();
    show('hidden');
    vi.advanceTimersByTime(0.09 * HOUR);
    show('visible');
    expect(look).not.toHaveBeenCalled();
    show('hidden');
    vi.advanceTimersByTime(0.02 * HOUR);
    show('visible');
    expect(look).toHaveBeenCalledTimes(1);
    show('hidden');
    vi.advanceTimersByTime(5 * HOUR);
    expect(look).toHaveBeenCalledTimes(1);
    show('visible');
    expect(look).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(HOUR);
    expect(look).toHaveBeenCalledTimes(3);
  });

  it('some seconds after the device is online again, once however often it flaps', () => {
    begin(0.7);
    for (let i = 0; i < 5; i++) window.dispatchEvent(new Event('online'));
    vi.advanceTimersByTime(6_900);
    expect(look).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(look).toHaveBeenCalledTimes(1);
  });

  it('no more after its end', () => {
    begin();
    window.dispatchEvent(new Event('online'));
    end.abort();
    show('hidden');
    vi.advanceTimersByTime(10 * HOUR);
    show('visible');
    expect(look).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('and goes on when a look fails', async () => {
    look.mockRejectedValue(new Error('no worker'));
    begin();
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(look).toHaveBeenCalledTimes(3);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e12])('never in a hot loop, also not every %d seconds', (every) => {
    begin(0, every);
    vi.advanceTimersByTime(8_000);
    expect(look.mock.calls.length).toBeLessThanOrEqual(10);
  });
});

describe('periodic background sync', () => {
  const registerWith = async (state: PermissionState | Error) => {
    const sync = { register: vi.fn(async (_tag: string, _options: { minInterval: number }) => {}) };
    vi.stubGlobal('navigator', {
      permissions: {
        query: async () => {
          if (state instanceof Error) throw state;
          return { state };
        },
      },
    });
    await registerPeriodicSync({ periodicSync: sync } as unknown as ServiceWorkerRegistration, 43_200);
    return sync.register.mock.calls;
  };

  it('is registered where it is permitted', async () => {
    expect(await registerWith('granted')).toEqual([['vouchsafe', { minInterval: 43_200_000 }]]);
  });

  it.each([['prompt' as const], ['denied' as const], [new TypeError('no such permission')]])(
    'is left alone with %s',
    async (state) => {
      expect(await registerWith(state)).toEqual([]);
    },
  );

  it('is no error where it does not exist', async () => {
    await expect(registerPeriodicSync({} as ServiceWorkerRegistration, 1)).resolves.toBeUndefined();
  });
});

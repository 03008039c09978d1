import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pace } from '../../src/worker/pace.js';
import { START } from '../repository-simulator.js';

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Whole seconds until it is due. */
function wait(pace: Pace, interval: number): number {
  const now = Date.now();
  let seconds = 0;
  while (!pace.isDue(interval)) vi.setSystemTime(now + ++seconds * 1000);
  vi.setSystemTime(now);
  return seconds;
}

describe('Pace', () => {
  it('begins at once, and goes at its interval while nothing fails', () => {
    const pace = new Pace();
    expect(wait(pace, 10)).toBe(0);
    pace.succeeded(Date.now());
    expect(wait(pace, 10)).toBe(10);
    expect(wait(pace, 0)).toBe(0);
    expect(wait(pace, 7200)).toBe(7200);
  });

  it('waits twice as long after each failure, an hour at most, and as before once it succeeds', () => {
    const pace = new Pace();
    const waits = Array.from({ length: 11 }, () => {
      pace.failed(Date.now());
      return wait(pace, 10);
    });
    expect(waits).toEqual([20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
    expect(wait(pace, 7200)).toBe(7200);
    pace.succeeded(Date.now());
    expect(wait(pace, 10)).toBe(10);
  });

  it('waits even where each navigation looks', () => {
    const pace = new Pace();
    pace.failed(Date.now());
    expect(wait(pace, 0)).toBe(2);
  });

  it('spreads what failed for all at once over a fifth before and after, and never under the interval', () => {
    const waits = [0, 0.25, 1 - 1e-9].map((random) => {
      vi.mocked(Math.random).mockReturnValue(random);
      const pace = new Pace();
      pace.failed(Date.now());
      return [wait(pace, 100), wait(pace, 3600)];
    });
    expect(waits).toEqual([
      [160, 3600],
      [180, 3600],
      [240, 4320],
    ]);
  });

  it('C10 a clock that goes back does not put it off', () => {
    const pace = new Pace();
    pace.failed(Date.now());
    vi.setSystemTime(START - 365 * 86_400_000);
    expect(pace.isDue(10)).toBe(true);
  });
});

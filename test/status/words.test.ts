import { describe, expect, it } from 'vitest';
import { countdown, duration, size } from '../../src/status/words.js';

describe('words of the status page', () => {
  it.each([
    [0, '00:00:00'],
    [59_999, '00:00:59'],
    [3_661_000, '01:01:01'],
    [86_399_000, '23:59:59'],
    [86_400_000, '1 d 00:00:00'],
    [6 * 86_400_000 + 15_000_000, '6 d 04:10:00'],
  ])('%d milliseconds are %s', (milliseconds, words) => {
    expect(duration(milliseconds)).toBe(words);
  });

  it('counts down to a time, and up from it', () => {
    expect(countdown(11_000, 1_000)).toBe('expires in 00:00:10');
    expect(countdown(1_000, 1_000)).toBe('expired 00:00:00 ago');
    expect(countdown(1_000, 91_000)).toBe('expired 00:01:30 ago');
  });

  it.each([
    [undefined, 'unknown'],
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [5_312_004, '5.3 MB'],
    [6_100_000_000, '6.1 GB'],
    [9e18, '9000000.0 TB'],
  ])('%d bytes are %s', (bytes, words) => {
    expect(size(bytes)).toBe(words);
  });
});

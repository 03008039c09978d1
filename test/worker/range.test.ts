import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestedRange } from '../../src/worker/range.js';

const ETAG = '"5f2c"';
const asked = (range: string | undefined, length = 100, ifRange?: string) =>
  requestedRange(
    new Headers({ ...(range !== undefined && { range }), ...(ifRange !== undefined && { 'if-range': ifRange }) }),
    length,
    ETAG,
  );

describe('requestedRange', () => {
  test.each([
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=99-99', { start: 99, end: 99 }],
    ['bytes=90-', { start: 90, end: 99 }],
    ['bytes=-10', { start: 90, end: 99 }],
    ['bytes=-1000', { start: 0, end: 99 }],
    ['bytes=50-1000', { start: 50, end: 99 }],
    ['Bytes= 0-0 ', { start: 0, end: 0 }],
    [`bytes=0-${'9'.repeat(400)}`, { start: 0, end: 99 }],
  ])('%s is a part', (range, part) => {
    expect(asked(range)).toEqual(part);
  });

  test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])('%s is unsatisfiable', (range) => {
    expect(asked(range)).toBe('unsatisfiable');
  });

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=9-0',
    'bytes=0-9,20-29',
    'bytes=0 - 9',
    'bytes=0x1-9',
    'bytes=1.5-9',
    'bytes=--5',
    'items=0-9',
    'bytes 0-9',
    'xbytes=0-9',
  ])('%s is the whole file', (range) => {
    expect(asked(range)).toBeUndefined();
  });

  test('of an empty file there is no part', () => {
    expect(asked('bytes=0-', 0)).toBe('unsatisfiable');
    expect(asked('bytes=-5', 0)).toBeUndefined();
    expect(asked(undefined, 0)).toBeUndefined();
  });

  test('If-Range: only our own tag, compared strongly, lets a part be answered', () => {
    expect(asked('bytes=0-9', 100, ETAG)).toEqual({ start: 0, end: 9 });
    for (const other of ['"0000"', `W/${ETAG}`, '5f2c', 'Wed, 21 Oct 2026 07:28:00 GMT', '*', ''])
      expect(asked('bytes=0-9', 100, other)).toBeUndefined();
    // Nor is a range outside of another file a reason to refuse.
    expect(asked('bytes=100-', 100, '"0000"')).toBeUndefined();
  });

  test('whatever is asked, a part lies within the file and is the one asked for', () => {
    const position = fc.oneof(fc.constant(''), fc.nat(30).map(String));
    fc.assert(
      fc.property(position, position, fc.nat(20), (first, last, length) => {
        const part = asked(`bytes=${first}-${last}`, length);
        const bytes = Array.from({ length }, (_, i) => i);
        if (part === undefined || part === 'unsatisfiable') return;
        expect(part.start).toBeLessThanOrEqual(part.end);
        const wanted =
          first === '' ? bytes.slice(-Number(last)) : bytes.slice(Number(first), last === '' ? undefined : Number(last) + 1);
        expect(bytes.slice(part.start, part.end + 1)).toEqual(wanted);
      }),
      { seed: 4 },
    );
  });

  test('no header makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, length) => {
        const part = requestedRange({ get: (name) => (name === 'range' ? text : null) }, length, ETAG);
        if (typeof part === 'object') expect(text).toMatch(/^bytes=/i);
      }),
      { seed: 4 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headersFor, matches, parseManifest } from '../../src/release/manifest.js';

const valid = {
  vouchsafe: 1,
  navigation: { index: 'index.html', fallback: 'index.html' },
  content_types: { html: 'text/html; charset=utf-8', js: 'text/javascript', '': 'application/octet-stream' },
  headers: [
    { path: '**', set: { 'x-content-type-options': 'nosniff' } },
    { path: '**/*.html', set: { 'content-security-policy': "default-src 'self'" } },
    { path: 'raw/*', set: { 'content-type': 'text/plain' } },
  ],
  offline_seconds: 1209600,
};

function parse(json: unknown) {
  return parseManifest(new TextEncoder().encode(JSON.stringify(json)));
}

describe('parseManifest', () => {
  it('reads every field', () => {
    const manifest = parse(valid);
    expect(manifest.navigation).toEqual({
      index: 'index.html',
      fallback: 'index.html',
      allow: [],
      deny: [],
      cleanUrls: false,
      redirects: [],
    });
    expect(manifest.contentTypes.get('js')).toBe('text/javascript');
    expect(manifest.headers).toHaveLength(3);
    expect(manifest.offlineSeconds).toBe(1209600);
  });

  it('B1 refuses what it does not understand with its code', () => {
    const cases: [string, unknown, string][] = [
      ['a newer format', { ...valid, vouchsafe: 2 }, 'unsupported'],
      ['no format', { ...valid, vouchsafe: undefined }, 'malformed'],
      ['an unknown field', { ...valid, deny: ['**'] }, 'malformed'],
      ['a list', [], 'malformed'],
      ['no navigation', { ...valid, navigation: null }, 'malformed'],
      ['no index', { ...valid, navigation: {} }, 'malformed'],
      ['an unknown rule for navigations', { ...valid, navigation: { index: 'index.html', block: ['/x'] } }, 'malformed'],
      ['an unknown condition on headers', { ...valid, headers: [{ path: '**', set: {}, method: 'GET' }] }, 'malformed'],
      ['a header name in capitals', { ...valid, headers: [{ path: '**', set: { 'X-A': 'b' } }] }, 'malformed'],
      [
        'a header value with a line break',
        { ...valid, headers: [{ path: '**', set: { 'x-a': 'b\r\nset-cookie: c' } }] },
        'malformed',
      ],
      ['a content type that is a number', { ...valid, content_types: { js: 1 } }, 'malformed'],
      ['a negative allowance', { ...valid, offline_seconds: -1 }, 'malformed'],
    ];
    for (const [name, json, code] of cases) expect(() => parse(json), name).toThrow(expect.objectContaining({ code }));
    expect(() => parseManifest(new TextEncoder().encode('{"vouchsafe":1'))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('is not confused by names that objects are born with', () => {
    const manifest = parseManifest(
      new TextEncoder().encode(JSON.stringify(valid).replace('"js"', '"constructor"').replace('"html"', '"__proto__"')),
    );
    expect(headersFor(manifest, 'a.constructor').get('content-type')).toBe('text/javascript');
    expect(headersFor(manifest, 'a.toString').get('content-type')).toBe('application/octet-stream');
  });
});

describe('headersFor', () => {
  it('applies every matching rule, later ones last', () => {
    const manifest = parse(valid);
    expect([...headersFor(manifest, 'docs/a.HTML')]).toEqual([
      ['content-type', 'text/html; charset=utf-8'],
      ['x-content-type-options', 'nosniff'],
    ]);
    expect(headersFor(manifest, 'index.html').get('content-security-policy')).toBe("default-src 'self'");
    expect(headersFor(manifest, 'raw/x.js').get('content-type')).toBe('text/plain');
    expect(headersFor(manifest, 'raw/deeper/x.js').get('content-type')).toBe('text/javascript');
    expect(headersFor(manifest, 'LICENSE').get('content-type')).toBe('application/octet-stream');
  });
});

describe('matches', () => {
  it('keeps * within a segment and takes the rest literally', () => {
    expect(matches('*.js', 'a.js')).toBe(true);
    expect(matches('*.js', 'a/b.js')).toBe(false);
    expect(matches('**/*.js', 'b.js')).toBe(true);
    expect(matches('a/**/b', 'a/b')).toBe(true);
    expect(matches('a/**', 'a/b/c')).toBe(true);
    expect(matches('a.js', 'axjs')).toBe(false);
    expect(matches('a(b)[c]+$', 'a(b)[c]+$')).toBe(true);
    expect(matches('*', 'a\nb')).toBe(true);
    expect(matches('', 'a')).toBe(false);
    expect(matches('a**/b', 'ab')).toBe(true);
    expect(matches('a**/b', 'ac/b')).toBe(true);
    expect(matches('**/b', 'ab')).toBe(false);
    expect(matches('b/**/a', 'x/a')).toBe(false);
    expect(matches('**', '')).toBe(true);
  });

  it('as a regular expression would, but without its endless ways to try', () => {
    const tokens = fc.constantFrom('a', 'b', '/', '*', '**', '**/');
    const path = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 }).map((characters) => characters.join(''));
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 6 }), path, (pattern, text) => {
        const source = pattern
          .join('')
          .replace(/\*\*\/|\*\*|\*/g, (star) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[star] ?? '');
        expect(matches(pattern.join(''), text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
      { numRuns: 2_000 },
    );
    // Each takes a regular expression many minutes.
    expect(matches(`${'*a'.repeat(20)}b`, 'a'.repeat(200))).toBe(false);
    expect(matches(`${'**/'.repeat(20)}b`, 'a/'.repeat(200))).toBe(false);
  });
});

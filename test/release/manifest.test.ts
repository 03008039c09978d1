import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileRule, headersFor, matches, parseManifest } from '../../src/release/manifest.js';
import { manifests, wire } from './manifests.js';

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

const hash = '0123456789abcdef'.repeat(4);
/** Every field there is. */
const full = {
  ...valid,
  navigation: {
    index: 'index.html',
    fallback: 'app.html',
    allow: ['app/**'],
    deny: ['app/api/**', '**/*.json'],
    not_found: '404.html',
    offline: 'offline.html',
    clean_urls: true,
    trailing_slash: 'never',
    redirects: [{ from: 'old', to: 'new?a=b#c', status: 301 }],
  },
  activation: 'prompt',
  look_seconds: 3600,
  files: [{ path: 'media/**', keep: 'on-demand', optional: true }, { path: 'a' }],
  chunks: { 'media/film.mp4': { size: 65_536, sha256: [hash, hash] } },
  code_cache: ['lib/big.js'],
  external: { 'https://cdn.example/lib.js?v=1': 'vendor/lib.js' },
  reporting: { url: 'https://reports.example/here', sample_percent: 5 },
  enforce: ['docs/**'],
  tombstone: true,
};

describe('parseManifest', () => {
  it('reads a manifest without the fields that need not be there', () => {
    expect(parse(valid)).toEqual({
      navigation: { index: 'index.html', fallback: 'index.html', allow: [], deny: [], cleanUrls: false, redirects: [] },
      activation: 'navigation',
      lookSeconds: 10,
      files: [],
      chunks: new Map(),
      codeCache: new Set(),
      external: new Map(),
      enforce: [],
      tombstone: false,
      contentTypes: new Map(Object.entries(valid.content_types)),
      headers: valid.headers,
      offlineSeconds: 1209600,
    });
  });

  it('reads every field', () => {
    expect(parse(full)).toEqual({
      navigation: {
        index: 'index.html',
        fallback: 'app.html',
        allow: ['app/**'],
        deny: ['app/api/**', '**/*.json'],
        notFound: '404.html',
        offline: 'offline.html',
        cleanUrls: true,
        trailingSlash: 'never',
        redirects: [{ from: 'old', to: 'new?a=b#c', status: 301 }],
      },
      activation: 'prompt',
      lookSeconds: 3600,
      files: [
        { path: 'media/**', keep: 'on-demand', optional: true },
        { path: 'a', keep: 'precache', optional: false },
      ],
      chunks: new Map([['media/film.mp4', { size: 65_536, sha256: [hash, hash] }]]),
      codeCache: new Set(['lib/big.js']),
      external: new Map([['https://cdn.example/lib.js?v=1', 'vendor/lib.js']]),
      reporting: { url: 'https://reports.example/here', samplePercent: 5 },
      enforce: ['docs/**'],
      tombstone: true,
      contentTypes: new Map(Object.entries(valid.content_types)),
      headers: valid.headers,
      offlineSeconds: 1209600,
    });
  });

  it('reads back what is written', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        expect(parse(wire(manifest))).toEqual(manifest);
      }),
      { numRuns: 300 },
    );
  });

  it('gives back where redirects and reports go as the URL parser has it', () => {
    const places = {
      'a/../b': 'b',
      './c d?e#f': 'c%20d?e#f',
      '': '',
      '?a=//b': '?a=//b',
      'https://a.example': 'https://a.example/',
      'http://localhost:8080/x': 'http://localhost:8080/x',
      'http://127.0.0.1/x': 'http://127.0.0.1/x',
      'http://[::1]:1/x': 'http://[::1]:1/x',
    };
    for (const [written, read] of Object.entries(places)) {
      const manifest = parse({
        ...valid,
        navigation: { index: 'index.html', redirects: [{ from: 'a', to: written, status: 308 }] },
        reporting: { url: written },
      });
      expect(manifest.navigation.redirects[0]?.to, written).toBe(read);
      expect(manifest.reporting, written).toEqual({ url: read, samplePercent: 100 });
    }
  });

  it.each([
    '../a',
    '/a',
    'a/../../b',
    '%2e%2e/a',
    '\\\\evil.example',
    '//evil.example',
    './/evil.example',
    './\t/evil.example',
    '/\t/evil.example',
    'a//b',
    'http://app.example/',
    'http:evil.example',
    'http://localhost.evil.example/',
    'http://localhost:x@evil.example/',
    'https://user@a.example/',
    'https://',
    'javascript:alert(1)',
    'data:text/html,x',
    'blob:https://a.example/x',
    'ftp://a.example/',
  ])('B1 sends nobody to %s', (place) => {
    const malformed = expect.objectContaining({ code: 'malformed' });
    expect(() => parse({ ...valid, reporting: { url: place } })).toThrow(malformed);
    const redirects = [{ from: 'a', to: place, status: 302 }];
    expect(() => parse({ ...valid, navigation: { index: 'index.html', redirects } })).toThrow(malformed);
  });

  it.each(Object.entries(wrong()))('B1 refuses %s', (_, json) => {
    expect(() => parse(json)).toThrow(expect.objectContaining({ code: 'malformed', facts: { path: 'vouchsafe.json' } }));
  });

  it('reads as much as it may be', () => {
    const pattern = `${'a'.repeat(999)}b`;
    const many = Array.from({ length: 1000 }, () => pattern);
    expect(parse({ ...valid, enforce: many }).enforce).toEqual(many);
    for (let size = 2 ** 14; size <= 2 ** 23; size *= 2)
      expect(parse({ ...valid, chunks: { a: { size, sha256: Array(1001).fill(hash) } } }).chunks.get('a')?.size).toBe(size);
    const headers = Array.from({ length: 1001 }, () => ({ path: 'a', set: {} }));
    expect(parse({ ...valid, headers }).headers).toHaveLength(1001);
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

describe('fileRule', () => {
  it('is what the last matching rule says', () => {
    const manifest = parse({
      ...valid,
      files: [
        { path: '**', keep: 'on-demand', optional: true },
        { path: 'a/**', keep: 'network-only' },
      ],
    });
    expect(fileRule(manifest, 'b')).toEqual({ keep: 'on-demand', optional: true });
    expect(fileRule(manifest, 'a/b')).toEqual({ keep: 'network-only', optional: false });
    expect(fileRule(manifest, 'vouchsafe.json')).toEqual({ keep: 'precache', optional: false });
    expect(fileRule(parse(valid), 'b')).toEqual({ keep: 'precache', optional: false });
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

/** Manifests with one field that may not be as it is, by what is wrong. */
function wrong(): Record<string, unknown> {
  const redirect = full.navigation.redirects[0];
  const chunks = full.chunks['media/film.mp4'];
  const values: Record<string, Record<string, unknown>> = {
    navigation: {
      index: 1,
      fallback: null,
      allow: 'a',
      deny: [1],
      not_found: false,
      offline: 1,
      clean_urls: 'yes',
      trailing_slash: 'sometimes',
      redirects: {},
      other: 1,
    },
    manifest: {
      activation: 'soon',
      look_seconds: -1,
      files: {},
      chunks: [],
      external: [],
      reporting: null,
      enforce: ['a', 1],
      tombstone: 1,
      offline_seconds: '1',
      content_types: null,
      headers: {},
      other: 1,
    },
    redirect: { from: undefined, to: undefined, status: 304, other: 1 },
    'status as text': { status: '301' },
    'no status': { status: undefined },
    file: { path: undefined, keep: 'maybe', optional: 0, other: 1 },
    'file without pattern': { path: 'a'.repeat(1001) },
    chunks: { size: undefined, sha256: undefined, other: 1 },
    'small chunks': { size: 2 ** 13 },
    'large chunks': { size: 2 ** 24 },
    'crooked chunks': { size: 2 ** 14 + 1 },
    'a short hash': { sha256: [hash.slice(1)] },
    'a long hash': { sha256: [`${hash}0`] },
    'a hash in capitals': { sha256: [hash.toUpperCase()] },
    'a hash that is none': { sha256: [1] },
    reporting: { url: undefined, sample_percent: 101, other: 1 },
    'less than nobody': { sample_percent: -1 },
  };
  const into = (name: string, change: object): unknown => {
    if (name === 'navigation') return { ...full, navigation: { ...full.navigation, ...change } };
    if (name === 'redirect' || name.includes('status'))
      return { ...full, navigation: { ...full.navigation, redirects: [{ ...redirect, ...change }] } };
    if (name.startsWith('file')) return { ...full, files: [{ path: 'a', ...change }] };
    if (/chunks|hash/.test(name)) return { ...full, chunks: { a: { ...chunks, ...change } } };
    if (name === 'reporting' || name === 'less than nobody') return { ...full, reporting: { ...full.reporting, ...change } };
    return { ...full, ...change };
  };
  const cases = Object.entries(values).flatMap(([name, fields]) =>
    Object.entries(fields).map(([field, value]) => [`${name}: ${field}`, into(name, { [field]: value })] as const),
  );
  const urls = ['/a.js', 'a.js', 'https://A.example/', 'https://a.example', 'https://a.example/#b', 'http://a.example/', 'data:,a'];
  return Object.fromEntries([
    ...cases,
    ...urls.map((url) => [`external: ${url}`, { ...full, external: { [url]: 'a.js' } }]),
    ['external: no path', { ...full, external: { 'https://a.example/': 1 } }],
    ['too many rules', { ...full, enforce: Array(1001).fill('a') }],
    ['too many redirects', { ...full, navigation: { ...full.navigation, redirects: Array(1001).fill(redirect) } }],
    ['a long pattern', { ...full, enforce: ['a'.repeat(1001)] }],
    ['a long pattern of headers', { ...full, headers: [{ path: 'a'.repeat(1001), set: {} }] }],
  ]);
}

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { headersFor, matches, parseManifest } from '../../src/release/manifest.js';
import { resolveRoute } from '../../src/release/route.js';
import { metadataName, targetLocation } from '../../src/tuf/layout.js';
import { matchesPattern } from '../../src/tuf/path-pattern.js';
import { type AnyCampaign, campaign, unlessRefused } from './campaign.js';
import { damaged, hostileTexts, type Json, long, mutated } from './mutations.js';

const FOLDER = 'https://repository.test/a/targets/';
const HASH = 'ab'.repeat(32);
const MANIFEST = {
  vouchsafe: 1,
  navigation: { index: 'index.html', fallback: 'index.html' },
  content_types: { '': 'application/octet-stream', html: 'text/html; charset=utf-8', js: 'text/javascript' },
  headers: [
    { path: '**/*.html', set: { 'content-security-policy': "default-src 'self'" } },
    { path: 'docs/**', set: { 'x-a': 'b', 'cache-control': 'no-store' } },
  ],
  offline_seconds: 86_400,
};

/** With every field; in the other, those that need not be there are left out. */
const FULL: Json = {
  ...MANIFEST,
  navigation: {
    index: 'index.html',
    fallback: 'index.html',
    allow: ['a/**', 'docs/*'],
    deny: ['**/app.js'],
    not_found: 'a',
    offline: 'a',
    clean_urls: true,
    trailing_slash: 'never',
    redirects: [
      { from: 'docs', to: 'a/?b#c', status: 301 },
      { from: 'app.js', to: 'https://x.test/', status: 307 },
    ],
  },
  activation: 'prompt',
  look_seconds: 60,
  files: [{ path: 'docs/**', keep: 'on-demand', optional: true }],
  chunks: { a: { size: 16_384, sha256: [HASH] } },
  external: { 'https://x.test/a.js': 'app.js' },
  reporting: { url: 'https://x.test/', sample_percent: 10 },
  enforce: ['**'],
  tombstone: false,
};

/** Short, so that the slow oracle is quick, and of few characters, so that many match. */
const shortGlobs = fc
  .array(fc.constantFrom('*', '**', '**/', '?', 'a', 'b', '/', '.', '\u{1f600}', '[', '\\', '$', '\n'), { maxLength: 7 })
  .map((parts) => parts.join(''));
const shortPaths = fc
  .array(fc.constantFrom('a', 'b', '/', '.', '\u{1f600}', '*', '[', '\\', '$', '\n'), { maxLength: 9 })
  .map((parts) => parts.join(''));
const longGlobs = long(['*', '**/', '*a', '?', 'a', '/', '*b', '**'], 1_024);
const longPaths = long(['a', '/', 'ab', 'a/'], 1_024);
const globs = fc.oneof(fc.record({ pattern: shortGlobs, path: shortPaths }), fc.record({ pattern: longGlobs, path: longPaths }));

const manifests = fc
  .oneof(fc.constantFrom(MANIFEST, FULL), mutated([MANIFEST, FULL]))
  .map((manifest) => Buffer.from(JSON.stringify(manifest)));
const segments = fc.oneof(
  fc.constantFrom(
    'a',
    'docs',
    'index.html',
    'a.html',
    'app.js',
    '..',
    '%2e%2e',
    '%2f',
    '%5c',
    '%00',
    '\\',
    '%',
    '%ff',
    'ü',
    '',
    ' ',
  ),
  hostileTexts,
);
const pathnames = fc.array(segments, { maxLength: 5 }).map((list) => list.join('/'));

/** What names lead to: patterns, the release manifest, URLs and target paths. */
export function pathCampaigns(): AnyCampaign[] {
  return [
    campaign('pattern', globs, ({ pattern, path }) => {
      const isMatch = matchesPattern(path, pattern);
      if (pattern.length + path.length < 30)
        assert.equal(isMatch, expressionOf(pattern, { '*': '[^/]*', '?': '[^/]' }, 'su').test(path));
    }),
    campaign('header-pattern', globs, ({ pattern, path }) => {
      const isMatch = matches(pattern, path);
      const tokens = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' };
      if (pattern.length + path.length < 30) assert.equal(isMatch, expressionOf(pattern, tokens, 's').test(path));
    }),
    campaign(
      'manifest',
      fc.record({ bytes: fc.oneof(manifests, damaged(manifests)).map((bytes) => new Uint8Array(bytes)), path: pathnames }),
      ({ bytes, path }) => {
        const manifest = unlessRefused(() => parseManifest(bytes));
        // What is accepted must be headers to the platform too: a worker that cannot build its answer has none.
        if (manifest) assert.ok(new Headers([...headersFor(manifest, path)]).has('content-type'));
      },
    ),
    campaign(
      'route',
      fc.record({
        manifest: manifests.map((bytes) => new Uint8Array(bytes)),
        scope: fc.constantFrom('/', '/app/', '/%61/'),
        pathname: pathnames,
        listed: fc.array(fc.oneof(pathnames, fc.constantFrom('index.html', 'docs/index.html', 'a', 'a.html', 'docs.html')), {
          maxLength: 4,
        }),
        purpose: fc.constantFrom('document', 'frame', 'subresource'),
      }),
      checkRoute,
    ),
    campaign(
      'location',
      fc.record({
        path: fc.oneof(pathnames, hostileTexts),
        consistentSnapshot: fc.boolean(),
        version: fc.constantFrom(undefined, 1),
      }),
      checkLocation,
    ),
  ];
}

/** The pattern as a regular expression: easy to believe, but its time may grow without bounds. */
function expressionOf(pattern: string, tokens: Readonly<Record<string, string>>, flags: string): RegExp {
  const parts = pattern.match(/\*\*\/|\*\*|./gsu) ?? [];
  const source = parts.flatMap((part) => (tokens[part] === undefined && part.startsWith('*') ? [...part] : [part]));
  return new RegExp(`^${source.map((part) => tokens[part] ?? part.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&')).join('')}$`, flags);
}

interface RouteInput {
  readonly manifest: Uint8Array;
  readonly scope: string;
  readonly pathname: string;
  readonly listed: readonly string[];
  readonly purpose: 'document' | 'frame' | 'subresource';
}

function checkRoute({ manifest: bytes, scope, pathname, listed, purpose }: RouteInput): void {
  const manifest = unlessRefused(() => parseManifest(bytes));
  const url = urlOf(scope + pathname);
  if (!manifest || !url) return;
  const isListed = (path: string) => listed.includes(path);
  const route = resolveRoute(manifest, isListed, scope, url.pathname, purpose);
  if (route?.kind === 'target') assert.ok(isListed(route.path));
  if (route?.kind !== 'redirect') return;
  const target = new URL(route.location, url);
  const rest = decodeURIComponent(url.pathname.slice(scope.length));
  assert.notEqual(target.href, url.href, 'a redirect leads to itself');
  if (manifest.navigation.redirects.some(({ from }) => from === rest)) return;
  assert.notEqual(purpose, 'subresource');
  assert.ok(target.href.startsWith(`https://app.test${scope}`), 'a redirect leads elsewhere');
  // Where the manifest's own redirects may take over.
  if (manifest.navigation.redirects.some(({ from }) => from === decodeURIComponent(target.pathname.slice(scope.length)))) return;
  assert.equal(resolveRoute(manifest, isListed, scope, target.pathname, purpose)?.kind, 'target', 'a redirect leads to a redirect');
}

function checkLocation({
  path,
  consistentSnapshot,
  version,
}: {
  path: string;
  consistentSnapshot: boolean;
  version: number | undefined;
}): void {
  const file = { path, length: 1, hashes: { sha256: HASH } };
  const location = isWellFormed(path) ? unlessRefused(() => targetLocation(file, consistentSnapshot)) : undefined;
  if (location !== undefined) {
    const expected = consistentSnapshot ? path.replace(/[^/]*$/, (name) => `${HASH}.${name}`) : path;
    assert.equal(pathIn(FOLDER, location), expected);
  }
  if (!isWellFormed(path)) return;
  const name = metadataName(path, version);
  assert.equal(pathIn(FOLDER, name), `${version === undefined ? '' : `${version}.`}${path}.json`);
  assert.ok(!name.includes('/'));
}

/** The decoded path of a relative URL below a folder, segment by segment, as the URL parser of a browser has it. */
function pathIn(folder: string, location: string): string {
  const { href, search, hash } = new URL(location, folder);
  assert.ok(href.startsWith(folder), `${href} is outside of the folder`);
  assert.equal(search + hash, '');
  const rest = href.slice(folder.length);
  assert.equal(rest.split('/').length, location.split('/').length);
  return rest.split('/').map(decodeURIComponent).join('/');
}

/** The parser of metadata lets no lone surrogate pass. */
function isWellFormed(text: string): boolean {
  return Buffer.from(text).toString() === text;
}

/** Undefined for what is no URL, and for what leads to another host: a worker is not asked for that. */
function urlOf(path: string): URL | undefined {
  const url = URL.canParse(path, 'https://app.test/') ? new URL(path, 'https://app.test/') : undefined;
  return url?.host === 'app.test' ? url : undefined;
}

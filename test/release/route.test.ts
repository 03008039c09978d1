import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../src/release/manifest.js';
import { type Purpose, resolveRoute } from '../../src/release/route.js';

const listed = new Set([
  'index.html',
  'app.js',
  'docs/index.html',
  'docs/guide.html',
  'a b/ü.txt',
  'a%2Fb.js',
  'LICENSE',
  'con/structor',
]);
const encode = (json: object) => new TextEncoder().encode(JSON.stringify(json));
const multiPage = parseManifest(
  encode({ vouchsafe: 1, navigation: { index: 'index.html' }, content_types: {}, headers: [], offline_seconds: 0 }),
);
const singlePage = { ...multiPage, navigation: { ...multiPage.navigation, fallback: 'index.html' } };

function route(href: string, purpose: Purpose = 'document', manifest = multiPage, scope = '/') {
  return resolveRoute(manifest, (path) => listed.has(path), scope, new URL(`https://app.example${href}`).pathname, purpose);
}

describe('resolveRoute', () => {
  it('C4 leads directory URLs and index files to one target', () => {
    for (const href of ['/', '/index.html', '/?bypass', '/?ngsw-bypass=1', '/#/x', '/docs/../', '/%2e/', '/./index.html']) {
      expect(route(href), href).toEqual({ kind: 'target', path: 'index.html', status: 200 });
    }
    expect(route('/docs/')).toEqual({ kind: 'target', path: 'docs/index.html', status: 200 });
    expect(route('/docs/', 'subresource')).toEqual({ kind: 'target', path: 'docs/index.html', status: 200 });
  });

  it('redirects a navigation to a directory to its slash, and only a navigation', () => {
    expect(route('/docs')).toEqual({ kind: 'redirect', location: '/docs/', status: 302 });
    expect(route('/docs', 'subresource')).toBeUndefined();
  });

  it('decodes what a URL encodes, once', () => {
    expect(route('/a%20b/%C3%BC.txt', 'subresource')).toEqual({ kind: 'target', path: 'a b/ü.txt', status: 200 });
    expect(route('/a%252Fb.js', 'subresource')).toEqual({ kind: 'target', path: 'a%2Fb.js', status: 200 });
  });

  it('C4 B3 has no target for URLs that mean different files to different servers', () => {
    for (const href of [
      '//app.js',
      '/docs//guide.html',
      '/docs%2Fguide.html',
      '/docs%5Cguide.html',
      '/app.js%00',
      '/%FF',
      '/%',
      '/App.js',
      '/app.js/',
    ]) {
      for (const purpose of ['document', 'frame', 'subresource'] as const) expect(route(href, purpose), href).toBeUndefined();
    }
  });

  it('C4 has no redirect that leaves the origin', () => {
    expect(resolveRoute(multiPage, () => true, '/', '//evil.example', 'frame')).toBeUndefined();
  });

  it('falls back for navigations to paths without an extension only', () => {
    const fallback = { kind: 'target', path: 'index.html', status: 200 };
    expect(route('/users/7', 'document', singlePage)).toEqual(fallback);
    expect(route('/users/', 'document', singlePage)).toEqual(fallback);
    expect(route('/users/7', 'subresource', singlePage)).toBeUndefined();
    expect(route('/missing.html', 'document', singlePage)).toBeUndefined();
    expect(route('/users/7', 'frame', multiPage)).toBeUndefined();
  });

  it('knows nothing outside its scope', () => {
    expect(route('/app/app.js', 'subresource', multiPage, '/app/')).toEqual({ kind: 'target', path: 'app.js', status: 200 });
    expect(route('/application/app.js', 'subresource', multiPage, '/app/')).toBeUndefined();
    expect(route('/app.js', 'subresource', multiPage, '/app/')).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Navigation, parseManifest, type ReleaseManifest } from '../../src/release/manifest.js';
import { type Purpose, type Route, resolveRoute } from '../../src/release/route.js';

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

const ALL = ['document', 'frame', 'subresource'] as const;
const to = (location: string, status: number): Route => ({ kind: 'redirect', location, status });
const file = (path: string, status: 200 | 404 = 200): Route => ({ kind: 'target', path, status });

/** Where a URL leads under these rules, among these files. */
function lead(rules: Partial<Navigation>, files: readonly string[], path: string, purpose: Purpose = 'document', scope = '/') {
  const manifest = { ...multiPage, navigation: { ...multiPage.navigation, ...rules } };
  return resolveRoute(manifest, (name) => files.includes(name), scope, path, purpose);
}

describe('signed redirects', () => {
  const redirects = [
    { from: 'old', to: 'new?a=b#c', status: 301 },
    { from: 'old', to: 'never', status: 302 },
    { from: 'app.js', to: 'https://cdn.example/app.js', status: 307 },
    { from: 'ü/', to: '', status: 308 },
    { from: 'same', to: 'same?a=b', status: 302 },
    { from: 'ö', to: '%C3%B6#a', status: 302 },
  ] as const;

  it('come before files, for any request', () => {
    for (const purpose of ALL) {
      expect(lead({ redirects }, ['old', 'app.js'], '/old', purpose)).toEqual(to('/new?a=b#c', 301));
      expect(lead({ redirects }, ['old', 'app.js'], '/app.js', purpose)).toEqual(to('https://cdn.example/app.js', 307));
      expect(lead({ redirects }, [], '/a%20b/%C3%BC/', purpose, '/a%20b/')).toEqual(to('/a%20b/', 308));
      expect(lead({ redirects }, [], '/x/old', purpose, '/x/')).toEqual(to('/x/new?a=b#c', 301));
      expect(lead({ redirects }, [], '/old/', purpose)).toBeUndefined();
    }
  });

  it('lead nothing to itself', () => {
    expect(lead({ redirects }, ['same'], '/same')).toEqual(file('same'));
    expect(lead({ redirects }, ['ö'], '/%c3%b6')).toEqual(file('ö'));
    expect(lead({ redirects }, [], '/same')).toBeUndefined();
  });
});

describe('the URLs of pages', () => {
  const files = ['index.html', 'about.html', 'docs/index.html', 'LICENSE', 'a b/c?.html'];
  const clean = { cleanUrls: true };

  it.each<[Partial<Navigation>, string, Route | undefined, Route | undefined]>([
    // Rules, path, where a navigation leads, where anything else does.
    [{}, '/about', undefined, undefined],
    [{}, '/about.html', file('about.html'), file('about.html')],
    [{}, '/docs', to('/docs/', 302), undefined],
    [{}, '/docs/index.html', file('docs/index.html'), file('docs/index.html')],
    [clean, '/about', file('about.html'), file('about.html')],
    [clean, '/about/', undefined, undefined],
    [clean, '/about.html', to('/about', 308), file('about.html')],
    [clean, '/index.html', to('/', 308), file('index.html')],
    [clean, '/docs/index.html', to('/docs/', 308), file('docs/index.html')],
    [clean, '/docs/index', to('/docs/', 302), file('docs/index.html')],
    [clean, '/docs', to('/docs/', 302), undefined],
    [clean, '/LICENSE', file('LICENSE'), file('LICENSE')],
    [clean, '/a%20b/c%3f.html', to('/a%20b/c%3F', 308), file('a b/c?.html')],
    [{ ...clean, trailingSlash: 'never' }, '/about', file('about.html'), file('about.html')],
    [{ ...clean, trailingSlash: 'never' }, '/about/', to('/about', 308), file('about.html')],
    [{ ...clean, trailingSlash: 'never' }, '/docs/', to('/docs', 308), file('docs/index.html')],
    [{ ...clean, trailingSlash: 'never' }, '/docs', file('docs/index.html'), file('docs/index.html')],
    [{ ...clean, trailingSlash: 'never' }, '/docs/index.html', to('/docs', 308), file('docs/index.html')],
    [{ ...clean, trailingSlash: 'never' }, '/', file('index.html'), file('index.html')],
    [{ ...clean, trailingSlash: 'always' }, '/about', to('/about/', 308), file('about.html')],
    [{ ...clean, trailingSlash: 'always' }, '/about/', file('about.html'), file('about.html')],
    [{ ...clean, trailingSlash: 'always' }, '/about.html', to('/about/', 308), file('about.html')],
    [{ ...clean, trailingSlash: 'always' }, '/docs', to('/docs/', 308), undefined],
    [{ ...clean, trailingSlash: 'always' }, '/docs/', file('docs/index.html'), file('docs/index.html')],
    [{ ...clean, trailingSlash: 'always' }, '/LICENSE', file('LICENSE'), file('LICENSE')],
    [{ ...clean, trailingSlash: 'always' }, '/LICENSE/', undefined, undefined],
    [{ trailingSlash: 'never' }, '/docs/', to('/docs', 308), file('docs/index.html')],
    [{ trailingSlash: 'always' }, '/docs', to('/docs/', 308), undefined],
    [{ trailingSlash: 'always' }, '/docs/index.html', file('docs/index.html'), file('docs/index.html')],
  ])('%o %s', (rules, path, navigation, other) => {
    expect(lead(rules, files, path, 'document')).toEqual(navigation);
    expect(lead(rules, files, path, 'frame')).toEqual(navigation);
    expect(lead(rules, files, path, 'subresource')).toEqual(other);
  });

  it('are left as they are where two files have one, or the URL parser would change it', () => {
    const twice = ['a', 'a.html', 'a/index.html'];
    for (const trailingSlash of ['always', 'never'] as const) {
      expect(lead({ ...clean, trailingSlash }, twice, '/a')).toEqual(file('a'));
      expect(lead({ ...clean, trailingSlash }, twice, '/a/')).toEqual(file('a/index.html'));
      expect(lead({ ...clean, trailingSlash }, twice, '/a.html')).toEqual(file('a.html'));
    }
    for (const name of ['a/.html', '.html', '..html', '...html', 'a/..html'])
      expect(lead(clean, [name, 'index.html'], `/${name}`), name).toEqual(file(name));
    expect(lead({ ...clean, trailingSlash: 'always' }, ['.html'], '/')).toBeUndefined();
  });
});

describe('navigations to no file', () => {
  const files = ['app.html', '404.html'];
  const rules = { fallback: 'app.html', notFound: '404.html', allow: ['a b/**', 'c/*'], deny: ['a b/no', '**/x'] };

  it('lead to the fallback where the patterns say so, else to the page for that', () => {
    expect(lead(rules, files, '/a%20b/yes/1')).toEqual(file('app.html'));
    expect(lead(rules, files, '/c/yes', 'frame')).toEqual(file('app.html'));
    for (const path of ['/a%20b/no', '/a%20b/%6eo', '/c/x', '/c/1/2', '/other', '/', '/c/a.js']) {
      expect(lead(rules, files, path), path).toEqual(file('404.html', 404));
      expect(lead(rules, files, path, 'subresource'), path).toBeUndefined();
    }
    expect(lead({ ...rules, allow: [] }, files, '/other')).toEqual(file('app.html'));
    expect(lead(rules, [], '/c/yes')).toBeUndefined();
    expect(lead(rules, files, '/app/c/yes', 'document', '/app/')).toEqual(file('app.html'));
  });

  it('C4 B3 of a URL that means different files to different servers lead nowhere', () => {
    const redirects = [{ from: 'a/b', to: 'c', status: 301 } as const];
    for (const path of ['/a%2Fb', '/a//b', '//a/b', '/a%5cb', '/%2e%2e/a', '/a%00', '/%'])
      expect(lead({ ...rules, redirects, allow: [] }, [...files, 'a/b'], path), path).toBeUndefined();
  });
});

describe('under any rules', () => {
  // Few names, so that they meet.
  const segments = fc.constantFrom('a', 'a', 'b', 'a.html', 'b.html', 'index.html', 'index.html', '.html', '..html', 'ü', 'a%b?');
  const paths = fc.array(segments, { minLength: 1, maxLength: 2 }).map((list) => list.join('/'));
  const urls = paths.map((path) => path.split('/').map(encodeURIComponent).join('/'));
  const requested = fc.oneof(
    // Pages in all forms of their URLs.
    { weight: 4, arbitrary: fc.tuple(urls, fc.constantFrom('', '/', '.html', '/index.html')).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.constantFrom('', 'a//b', '%2e%2e/a', 'a%2fb', '%', '/', '%61') },
  );
  const patterns = fc.array(fc.constantFrom('**', 'a/**', '*', 'b'), { maxLength: 2 });
  const optional = fc.option(paths, { nil: undefined });
  const navigations = fc.record({
    index: fc.constantFrom('index.html', 'index.html', 'index.html', 'a', 'a.html', ''),
    fallback: optional,
    notFound: optional,
    allow: patterns,
    deny: patterns,
    clean_urls: fc.boolean(),
    trailing_slash: fc.constantFrom(undefined, 'always', 'never'),
    redirects: fc.array(
      fc.record({
        from: fc.oneof(paths, fc.constant(''), fc.constant('a/')),
        to: fc.constantFrom('', 'a', 'a/', 'b?x', '%C3%BC', 'a.html', 'https://b.example/'),
        status: fc.constantFrom(301, 302, 303, 307, 308),
      }),
      { maxLength: 2 },
    ),
  });
  const cases = fc.record({
    navigation: navigations,
    files: fc.uniqueArray(paths, { minLength: 4, maxLength: 12 }),
    scope: fc.constantFrom('/', '/app/', '/a%20b/'),
    path: requested,
    purpose: fc.constantFrom(...ALL),
  });

  function read({ notFound, ...navigation }: typeof navigations extends fc.Arbitrary<infer T> ? T : never): ReleaseManifest {
    const json = { ...navigation, not_found: notFound };
    return parseManifest(encode({ vouchsafe: 1, navigation: json, content_types: {}, headers: [], offline_seconds: 0 }));
  }

  it('C4 leads to what is listed, never to itself, and in three steps to a file', () => {
    const seen = { target: 0, redirect: 0 };
    fc.assert(
      fc.property(cases, ({ navigation, files, scope, path, purpose }) => {
        const manifest = read(navigation);
        const signed = navigation.redirects.map(({ from }) => from);
        let url = new URL(`https://app.example${scope}${path}`);
        for (let step = 0; ; step++) {
          const { pathname } = url;
          const found = resolveRoute(manifest, (name) => files.includes(name), scope, pathname, purpose);
          if (found?.kind === 'target') {
            seen.target++;
            expect(files).toContain(found.path);
            expect(found.status === 404 && purpose === 'subresource').toBe(false);
          } else if (step > 0) expect(found, 'a redirect to nothing').toBeDefined();
          if (found?.kind !== 'redirect') return;
          seen.redirect++;
          url = new URL(found.location, url);
          // A signed redirect may lead elsewhere, and with others in a circle.
          const rest = decodeURIComponent(pathname.slice(scope.length));
          if (signed.includes(rest)) {
            expect(url.host === 'app.example' && decodeURIComponent(url.pathname) === decodeURIComponent(pathname)).toBe(false);
            return;
          }
          expect(purpose).not.toBe('subresource');
          expect(url.host).toBe('app.example');
          expect(url.pathname.startsWith(scope)).toBe(true);
          expect(decodeURIComponent(url.pathname)).not.toBe(decodeURIComponent(pathname));
          expect(step).toBeLessThan(3);
        }
      }),
      { numRuns: 20_000 },
    );
    expect(seen.target).toBeGreaterThan(1000);
    expect(seen.redirect).toBeGreaterThan(200);
  });
});

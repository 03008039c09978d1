import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type CspOptions, policies } from '../../src/node/csp.js';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

interface Made {
  /** Directives and their values, by target path pattern. */
  readonly rules: Map<string, Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Policies for a page called index.html and whatever else there is. */
const make = (page: string, options: CspOptions = {}, paths: readonly string[] = [], external: [string, string][] = []): Made => {
  const all = { paths: ['index.html', ...paths], pages: new Map([['index.html', page]]), external: new Map(external) };
  const { rules, warnings } = policies(all, options);
  const split = (policy = ''): Record<string, string> =>
    Object.fromEntries(policy.split('; ').map((directive) => directive.split(/ (.*)/s).slice(0, 2)));
  return { rules: new Map(rules.map(({ path, set }) => [path, split(set['content-security-policy'])])), warnings };
};

const policyOf = (page: string, ...more: [options?: CspOptions, paths?: readonly string[], external?: [string, string][]]) => {
  const { rules } = make(page, ...more);
  return rules.get('index.html') ?? rules.get('**') ?? {};
};

describe('the policy of a page', () => {
  test('lets a locked page report to where the signers want it', () => {
    const sources = { paths: ['index.html'], pages: new Map([['index.html', '']]), external: new Map<string, string>() };
    const { rules } = policies({ ...sources, reporting: 'https://reports.example/v1?key=7' }, {});
    for (const { set } of rules) expect(set['content-security-policy']).toContain("connect-src 'self' https://reports.example/v1;");
  });

  test('without code in it is the strict one, the same for all such pages', () => {
    const { rules, warnings } = make('<script src="a.js"></script><link rel="stylesheet" href="a.css">');
    expect([...rules]).toEqual([
      [
        '**',
        {
          'default-src': "'self'",
          'script-src': "'self'",
          'style-src': "'self'",
          'img-src': "'self' data: blob:",
          'font-src': "'self' data:",
          'connect-src': "'self'",
          'worker-src': "'self'",
          'frame-src': "'self'",
          'manifest-src': "'self'",
          'object-src': "'none'",
          'base-uri': "'self'",
          'form-action': "'self'",
          'frame-ancestors': "'self'",
        },
      ],
    ]);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['a classic script', '<script>run()</script>', 'run()'],
    ['a module', '<script type="module">import "./a.js"</script>', 'import "./a.js"'],
    ['an import map', '<script type=importmap>{"imports":{}}</script>', '{"imports":{}}'],
    ['speculation rules', '<script type="speculationrules">{}</script>', '{}'],
    ['a type with spaces and capitals', '<script type=" Text/JavaScript ">a</script>', 'a'],
    ['an old language', '<script language="JavaScript1.2">a</script>', 'a'],
    ['line breaks of Windows', '<script>\r\na\r\nb\r</script>', '\na\nb\n'],
    ['what is no entity in a script', '<script>a &amp;&amp; b</script>', 'a &amp;&amp; b'],
    ['what looks like the end of a comment', '<script><!--\na\n--></script>', '<!--\na\n-->'],
    ['a script in SVG, where entities are', '<svg><script>a &amp;&amp; b</script></svg>', 'a && b'],
    ['a template', '<template><p><script>a</script></p></template>', 'a'],
    ['a document in an attribute', '<iframe srcdoc="<script>a(&quot;b&quot;)</script>"></iframe>', 'a("b")'],
    ['characters beyond ASCII', '<script>"é😀"</script>', '"é😀"'],
    ['an empty script', '<script></script>', ''],
  ])('names %s by its hash', (_, page, text) => {
    expect(policyOf(page)['script-src']).toBe(`'self' ${hash(text)}`);
  });

  test.each([
    ['data', '<script type="application/json">{"a":1}</script>'],
    ['a script with a file', '<script src="a.js">not run</script>'],
    ['a comment', '<!-- <script>a</script> -->'],
    ['text', '<textarea><script>a</script></textarea>'],
  ])('has nothing to say about %s', (_, page) => {
    expect(policyOf(page)['script-src']).toBe("'self'");
  });

  test('names styles, and style attributes as such', () => {
    expect(policyOf('<style>p { color: red }</style>')['style-src']).toBe(`'self' ${hash('p { color: red }')}`);
    const both = policyOf('<style>a</style><p style="color: &quot;red&quot;"><b style="b">');
    expect(both['style-src']).toBe(`'self' 'unsafe-hashes' ${hash('a')} ${hash('color: "red"')} ${hash('b')}`);
    expect(both['script-src']).toBe("'self'");
  });

  test('names event handlers, and the person is told of each page', () => {
    const { rules, warnings } = make('<body onload="go()"><a onclick="go()" onfocus="x" data-on="y">');
    expect(rules.get('index.html')?.['script-src']).toBe(`'self' 'unsafe-hashes' ${hash('go()')} ${hash('x')}`);
    expect(warnings).toEqual([expect.stringMatching(/index\.html.*\(onload, onclick, onfocus\)/)]);
  });

  test('does not let javascript: URLs run, and says so', () => {
    const { rules, warnings } = make('<a href=" java\nscript:go()">');
    expect(rules.has('index.html')).toBe(false);
    expect(warnings).toEqual([expect.stringMatching(/index\.html.*javascript: URLs/)]);
  });

  test('compiles WebAssembly where there is some', () => {
    expect(policyOf('')['script-src']).toBe("'self'");
    expect(policyOf('', {}, ['a/b.WASM'])['script-src']).toBe("'self' 'wasm-unsafe-eval'");
  });

  test('a page that is not UTF-8 has no hashes, and is named', () => {
    const { rules, warnings } = policies(
      { paths: ['old.html'], pages: new Map([['old.html', undefined]]), external: new Map() },
      {},
    );
    expect(rules.map(({ path }) => path)).toEqual(['**']);
    expect(warnings).toEqual([expect.stringContaining('old.html is not UTF-8')]);
  });

  test('a page with code in it and a star in its name is refused: its rule would name other pages', () => {
    const sources = (text: string) => ({ paths: ['a*.html'], pages: new Map([['a*.html', text]]), external: new Map() });
    expect(() => policies(sources('<script>a</script>'), {})).toThrow(expect.objectContaining({ code: 'bad-input' }));
    expect(() => policies(sources('<p>'), {})).not.toThrow();
  });

  test('its own rule comes after the one for all files', () => {
    const { rules } = make('<script>a</script>', {}, ['z.js']);
    expect([...rules.keys()]).toEqual(['**', 'index.html']);
  });
});

describe('every file has the policy, since every file can be opened as a document or run as a worker', () => {
  const of = (path: string, text: string) => {
    const { rules } = policies({ paths: [path], pages: new Map([[path, text]]), external: new Map() }, {});
    const policy = rules.filter((rule) => [path, '**', `**/*${path.slice(path.lastIndexOf('.'))}`].includes(rule.path)).at(-1);
    return { policy: policy?.set['content-security-policy'], rules: rules.map((rule) => rule.path) };
  };

  test.each([
    ['text', 'alert(1)', 'alert(1)'],
    ['CDATA', '<![CDATA[a && b < c]]>', 'a && b < c'],
    ['CDATA behind comments', '//<![CDATA[\r\na && b\n//]]>', '//\na && b\n//'],
    ['entities', 'a &amp;&amp; b &#60; &quot;&#x63;&quot;', 'a && b < "c"'],
  ])('the code in XHTML and SVG is what XML says it is: %s', (_, written, text) => {
    const page = `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a.js"/></head><body><script>${written}</script></body></html>`;
    expect(of('a/page.xhtml', page).policy).toContain(`script-src 'self' ${hash(text)};`);
    expect(of('page.xht', page).policy).toContain(`script-src 'self' ${hash(text)};`);
    const image = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script href="a.js"/><script>${written}</script></svg>`;
    expect(of('badge.svg', image).policy).toContain(`script-src 'self' ${hash(text)};`);
  });

  test('of images the styles are left open, in one rule: drawing programs put one into each', () => {
    const image = (more: string) => `<svg xmlns="http://www.w3.org/2000/svg"><style>a</style><path style="b"/>${more}</svg>`;
    const { policy, rules } = of('a/badge.svg', image(''));
    expect(rules).toEqual(['**', '**/*.svg']);
    expect(policy).toContain("style-src 'self' 'unsafe-inline';");
    expect(policy).toContain("script-src 'self';");
    const withCode = of('a/badge.svg', image('<script>a</script>'));
    expect(withCode.rules).toEqual(['**', '**/*.svg', 'a/badge.svg']);
    expect(withCode.policy).toContain(`script-src 'self' ${hash('a')}; style-src 'self' 'unsafe-inline';`);
    expect(of('plain.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>').rules).toEqual(['**']);
  });
});

describe('options', () => {
  test('Trusted Types, with any policies or those named', () => {
    expect(policyOf('', { trustedTypes: true })).toMatchObject({ 'require-trusted-types-for': "'script'" });
    expect(policyOf('', { trustedTypes: true })).not.toHaveProperty('trusted-types');
    expect(policyOf('', { trustedTypes: ['a', 'b'] })).toMatchObject({
      'require-trusted-types-for': "'script'",
      'trusted-types': 'vouchsafe a b',
    });
    expect(policyOf('', { trustedTypes: [] })).toMatchObject({ 'trusted-types': 'vouchsafe' });
  });

  test('sources are added to what is there; a directive that takes over from default-src begins with it', () => {
    const policy = policyOf('', { extend: { 'connect-src': ['https://api.example'], 'media-src': ['blob:'], 'report-to': ['x'] } });
    expect(policy).toMatchObject({
      'connect-src': "'self' https://api.example",
      'media-src': "'self' blob:",
      'report-to': 'x',
    });
  });

  test("styles that are made while the page runs can be allowed: no hash makes browsers pass over 'unsafe-inline'", () => {
    const options = { extend: { 'style-src': ["'unsafe-inline'"] } };
    expect(policyOf('<style>a</style><p style="b">', options)['style-src']).toBe("'self' 'unsafe-inline'");
  });

  test('scripts from hosts that are named, and WebAssembly, are no way for injected text', () => {
    const more = ['https://cdn.example/lib/', 'https://*.cdn.example:*', "'wasm-unsafe-eval'", "'report-sample'", hash('a')];
    expect(policyOf('', { extend: { 'script-src': more } })['script-src']).toBe(`'self' ${more.join(' ')}`);
  });

  test('only reported', () => {
    const { rules } = policies(
      { paths: ['index.html'], pages: new Map([['index.html', '']]), external: new Map() },
      { reportOnly: true },
    );
    expect(rules.flatMap(({ set }) => Object.keys(set))).toEqual(['content-security-policy-report-only']);
  });

  test('files of another origin are allowed where they are used, by their URL without its query', () => {
    const policy = policyOf(
      '',
      {},
      ['v/a.js', 'v/a.css', 'v/a.woff2', 'v/a.json'],
      [
        ['https://cdn.example/a,1;2.js?x=1', 'v/a.js'],
        ['https://cdn.example/a.css', 'v/a.css'],
        ['https://cdn.example/a.woff2', 'v/a.woff2'],
        ['https://cdn.example/a.json', 'v/a.json'],
      ],
    );
    expect(policy).toMatchObject({
      'script-src': "'self' https://cdn.example/a%2C1%3B2.js",
      'style-src': "'self' https://cdn.example/a.css",
      'font-src': "'self' data: https://cdn.example/a.woff2",
      'connect-src': "'self' https://cdn.example/a.json",
    });
  });

  test('what a page loads from another origin without being signed is named', () => {
    const page =
      '<script src="//cdn.example/a.js"></script><link rel="preload stylesheet" href="https://cdn.example/b.css"><script src="c.js"></script>';
    expect(make(page).warnings).toEqual([
      expect.stringContaining('loads https://cdn.example/a.js'),
      expect.stringContaining('loads https://cdn.example/b.css'),
    ]);
    expect(make(page, {}, ['a.js'], [['https://cdn.example/a.js', 'a.js']]).warnings).toHaveLength(1);
  });

  test.each<[string, CspOptions, string]>([
    ['data: for scripts', { extend: { 'script-src': ['data:'] } }, 'data:'],
    ['blob: for workers', { extend: { 'worker-src': ['BLOB:'] } }, 'BLOB:'],
    ['any origin for script elements', { extend: { 'script-src-elem': ['*'] } }, '*'],
    ['any host by its scheme', { extend: { 'script-src': ['https://*'] } }, 'https://*'],
    ['any host and port', { extend: { 'worker-src': ['*:*'] } }, '*:*'],
    ['any host with a path', { extend: { 'script-src': ['HTTP://*:8080/a/'] } }, 'HTTP://*:8080/a/'],
    ['any host of a scheme', { extend: { 'script-src': ['wss:'] } }, 'wss:'],
    ['eval', { extend: { 'script-src': ["'unsafe-eval'"] } }, 'unsafe-eval'],
    ['what a script that runs adds', { extend: { 'script-src': ["'Strict-Dynamic'"] } }, 'Strict-Dynamic'],
    ['a nonce, which is the same for everybody', { extend: { 'script-src': ["'nonce-abc'"] } }, 'nonce-abc'],
    ['any inline script', { extend: { 'script-src': ["'unsafe-inline'"] } }, 'unsafe-inline'],
    ['objects', { extend: { 'object-src': ["'self'"] } }, 'object-src'],
    ['two sources in one', { extend: { 'img-src': ['a b'] } }, 'each source'],
    ['another directive in a source', { extend: { 'img-src': ['x;script-src-elem'] } }, 'each source'],
    ['another policy in a source', { extend: { 'img-src': ['x,y'] } }, 'each source'],
    ['no directive', { extend: { 'img src': ['x'] } }, 'img src'],
    ['a text for a list', { extend: { 'img-src': 'x' as never } }, 'img-src'],
    ['a Trusted Types name that is two', { trustedTypes: ['a b'] }, 'trusted-types'],
    ['an unknown option', { trustedtypes: true } as never, 'trustedtypes'],
    ['a text for names', { trustedTypes: 'a' as never }, 'names'],
  ])('refuses %s', (_, options, words) => {
    expect(() => make('', options)).toThrow(
      expect.objectContaining({ code: 'bad-option', message: expect.stringContaining(words) }),
    );
  });
});

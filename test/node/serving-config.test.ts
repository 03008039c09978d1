import { describe, expect, test } from 'vitest';
import type { PublishOptions } from '../../src/node/publish.js';
import type { Activation, Keep } from '../../src/release/manifest.js';
import { Workspace } from './workspace.js';

const FILES = { 'index.html': 'home', 'about.html': 'about', 'docs/index.html': 'docs', 'app.js': 'run()' };

const jsonOf = async (workspace: Workspace): Promise<Record<string, unknown>> =>
  JSON.parse(new TextDecoder().decode(await workspace.target('vouchsafe.json')));

/** The manifest as it is written, for these files and options. */
const published = async (
  options: Partial<PublishOptions> = {},
  files: Record<string, string> = FILES,
): Promise<Record<string, unknown>> => {
  const workspace = await Workspace.make(files);
  await workspace.published(options);
  return jsonOf(workspace);
};

/** What publishing with these options, from JavaScript or a JSON file without types, says. */
const refusal = async (options: object, files: Record<string, string> = FILES): Promise<unknown> => {
  const workspace = await Workspace.make(files);
  return workspace.published(options as Partial<PublishOptions>).then(
    () => 'published',
    ({ code, message }: { code: unknown; message: string }) => {
      expect(code).toBe('bad-option');
      return message;
    },
  );
};

describe('what the manifest says about releases in browsers', () => {
  test('nothing that is as it always is', async () => {
    const manifest = await published({
      activation: 'navigation',
      navigation: { allow: [], deny: [], cleanUrls: false, redirects: [], notFound: undefined },
      files: [],
    });
    expect(Object.keys(manifest)).toEqual(['vouchsafe', 'navigation', 'content_types', 'headers', 'offline_seconds', 'files']);
    expect(manifest.offline_seconds).toBe(1_209_600);
    expect(manifest.navigation).toEqual({ index: 'index.html' });
  });

  test('everything that was said', async () => {
    const manifest = await published({
      activation: 'prompt',
      lookSeconds: 0,
      fallback: 'index.html',
      navigation: {
        allow: ['**'],
        deny: ['api/**'],
        notFound: 'about.html',
        offline: 'docs/index.html',
        cleanUrls: true,
        trailingSlash: 'never',
        redirects: [
          { from: 'old', to: 'about?from=old#top' },
          { from: 'away', to: 'https://example.org/', status: 307 },
        ],
      },
      reporting: { url: '/reports', samplePercent: 5 },
    });
    expect(manifest).toMatchObject({ activation: 'prompt', look_seconds: 0, reporting: { url: 'reports', sample_percent: 5 } });
    expect(manifest.navigation).toEqual({
      index: 'index.html',
      fallback: 'index.html',
      allow: ['**'],
      deny: ['api/**'],
      not_found: 'about.html',
      offline: 'docs/index.html',
      clean_urls: true,
      trailing_slash: 'never',
      redirects: [
        { from: 'old', to: 'about?from=old#top', status: 301 },
        { from: 'away', to: 'https://example.org/', status: 307 },
      ],
    });
  });

  test('rules for files come before our own, which decide about our own files', async () => {
    const rules = [
      { path: '**', keep: 'on-demand' as const },
      { path: 'app.js', optional: true },
    ];
    const { files } = (await published({ files: rules })) as { files: { path: string; keep: string; optional: boolean }[] };
    expect(files.slice(0, 2)).toEqual([
      { path: '**', keep: 'on-demand', optional: false },
      { path: 'app.js', keep: 'precache', optional: true },
    ]);
    expect(files.slice(2).map(({ path }) => path)).toContain('vouchsafe-worker.js');
  });

  test('a 404.html and an offline.html are what their names say', async () => {
    const pages = { ...FILES, '404.html': 'gone', 'offline.html': 'offline' };
    expect((await published({}, pages)).navigation).toMatchObject({ not_found: '404.html', offline: 'offline.html' });
    const without = await published({ navigation: { notFound: false, offline: false } }, pages);
    expect(without.navigation).toEqual({ index: 'index.html' });
    // Every path leads to the fallback: there is nothing that is not found.
    const app = await published({ fallback: 'index.html' }, pages);
    expect(app.navigation).toEqual({ index: 'index.html', fallback: 'index.html', offline: 'offline.html' });
  });

  test('a rule that names no file is a warning', async () => {
    const workspace = await Workspace.make(FILES);
    const files = [{ path: 'imges/**' }, { path: '*.js' }];
    const { warnings } = await workspace.published({ files });
    expect(warnings).toEqual(['The file rule for imges/** matches no file.']);
  });
});

describe('options that cannot be meant', () => {
  test.each<[string, object, string]>([
    ['an activation that is none', { activation: 'later' as Activation }, 'one of navigation, prompt, immediate'],
    ['a pause that is no number', { lookSeconds: '5' }, 'lookSeconds cannot be "5"'],
    ['a pause below nothing', { lookSeconds: -1 }, 'lookSeconds cannot be -1'],
    ['a keep that is none', { files: [{ path: '**', keep: 'cache' as Keep }] }, 'one of precache, on-demand, network-only'],
    ['a file rule without a path', { files: [{ keep: 'precache' }] }, 'must be a text, not undefined'],
    ['a file rule with a misspelt name', { files: [{ path: '**', optinal: true }] }, 'no "optinal"; there is path, keep, optional'],
    ['files that are no list', { files: {} }, 'files must be a list'],
    ['a misspelt name', { navigation: { cleanURLs: true } }, 'no "cleanURLs"; there is allow, deny, notFound'],
    ['a page that is not there', { navigation: { notFound: 'gone.html' } }, '"gone.html" of navigation.notFound is not among'],
    ['an offline page that is not there', { navigation: { offline: 'gone.html' } }, 'navigation.offline is not among'],
    ['a slash that is neither', { navigation: { trailingSlash: true } }, 'one of always, never'],
    ['patterns that are no texts', { navigation: { deny: [1] } }, 'must be a text, not 1'],
    [
      'reports to an insecure URL',
      { reporting: { url: 'http://example.org/r' } },
      'it is an HTTPS URL (HTTP on localhost) or a path below /',
    ],
    ['reports to nowhere', { reporting: { url: '' } }, 'must be a text'],
    ['reports beside the base', { base: '/b/', reporting: { url: '/reports' } }, 'a path below /b/'],
    [
      'reports to another host that looks like a path',
      { reporting: { url: '//example.org/r' } },
      'it is an HTTPS URL (HTTP on localhost) or a path below /',
    ],
    ['a share above all', { reporting: { url: '/r', samplePercent: 101 } }, 'whole number from 1 to 100'],
    ['chunks from nothing on', { chunkFrom: 0 }, 'chunkFrom cannot be 0'],
  ])('%s', async (_, options, message) => {
    expect(await refusal(options)).toContain(message);
  });

  test.each([
    ['https://example.org/r', 'https://example.org/r'],
    ['http://localhost:1/r', 'http://localhost:1/r'],
    ['/b/r?to=x', 'r?to=x'],
    ['r', 'r'],
  ])('reports may go to %s', async (url, written) => {
    expect((await published({ base: '/b/', reporting: { url } })).reporting).toEqual({ url: written, sample_percent: 100 });
  });

  test.each<[string, object[]]>([
    ['is on demand', [{ path: '**', keep: 'on-demand' }]],
    ['may be missing', [{ path: 'offline.html', optional: true }]],
  ])('an offline page that %s would not be there', async (_, rules) => {
    const files = { ...FILES, 'offline.html': '' };
    expect(await refusal({ files: rules }, files)).toContain('would not be there when it is needed');
    expect(await refusal({ files: [...rules, { path: 'offline.html' }] }, files)).toBe('published');
    expect(await refusal({ files: rules, navigation: { offline: false } }, files)).toBe('published');
  });
});

describe('redirects', () => {
  test.each<[string, object[], string]>([
    ['from a file', [{ from: 'about.html', to: 'x' }], 'would hide the page at /base/about'],
    ['from a folder with a page', [{ from: 'docs/', to: 'x' }], 'would hide the page at /base/docs'],
    ['from the site’s own address', [{ from: '', to: 'x' }], 'would hide the file index.html'],
    ['from a page without its extension', [{ from: 'about', to: 'x' }], 'would hide the file about.html'],
    [
      'twice from one path',
      [
        { from: 'a', to: 'b' },
        { from: 'a', to: 'c' },
      ],
      'two redirects from "a"',
    ],
    ['from an absolute path', [{ from: '/a', to: 'b' }], 'such as old/page'],
    ['from an encoded path', [{ from: 'a%20b', to: 'b' }], 'decoded'],
    ['from a query', [{ from: 'a?b', to: 'b' }], 'without query'],
    ['to a script', [{ from: 'a', to: 'javascript:alert()' }], 'a path below /base/'],
    ['to nowhere', [{ from: 'a' }], 'must be a text, not undefined'],
    ['with a status that is none', [{ from: 'a', to: 'b', status: 200 }], 'one of 301, 302'],
    ['to itself', [{ from: 'a', to: 'a?again' }], 'leads to itself'],
    [
      'in a circle',
      [
        { from: 'a', to: './b' },
        { from: 'b c', to: '/base/a' },
        { from: 'b', to: 'b%20c' },
      ],
      '/base/a → /base/b → /base/b%20c → /base/a',
    ],
    [
      'into a circle',
      [
        { from: 'x', to: 'a' },
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
      ],
      '/base/x → /base/a → /base/b → /base/a.',
    ],
    ['out of the base', [{ from: 'a', to: '/a' }], 'a path below /base/'],
    ['to another host that looks like a path', [{ from: 'a', to: '//example.org/' }], 'a path below /base/'],
    ['to an insecure site', [{ from: 'a', to: 'http://example.org/' }], 'a path below /base/'],
  ])('%s', async (_, redirects, message) => {
    expect(await refusal({ base: '/base/', navigation: { cleanUrls: true, trailingSlash: 'never', redirects } })).toContain(
      message,
    );
  });

  test('one after the other, to other sites and to a page that adds its slash: no circle', async () => {
    const redirects = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c/' },
      { from: 'y', to: 'https://example.org/base/y' },
      { from: 'documents', to: '/base/docs' },
      { from: 'c', to: 'c/' },
    ];
    expect(await refusal({ base: '/base/', navigation: { redirects } })).toBe('published');
  });
});

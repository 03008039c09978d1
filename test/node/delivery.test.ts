import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { PublishOptions } from '../../src/node/publish.js';
import { headersFor } from '../../src/release/manifest.js';
import { Workspace } from './workspace.js';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const hash = (code: string): string => `'sha256-${createHash('sha256').update(code).digest('base64')}'`;
const APP = { 'index.html': 'PAGE', 'app.js': 'run()', 'docs/start.html': 'DOCS' };

/** The manifest as it is on the wire. */
const wire = async (workspace: Workspace): Promise<Record<string, unknown>> =>
  JSON.parse(text(await workspace.target('vouchsafe.json')));

describe('our own files', () => {
  const SCRIPTS = ['vouchsafe-worker.js', 'vouchsafe-loader.js', 'vouchsafe-loader.html'];

  test.each(['strict', 'progressive'] as const)('are targets with the bytes that are at their URLs: %s', async (delivery) => {
    const workspace = await Workspace.make(APP);
    await workspace.published({ delivery, base: '/a/' });
    for (const path of SCRIPTS)
      expect([path, text(await workspace.target(path))]).toEqual([path, await workspace.read(`out/${path}`)]);
    expect(text(await workspace.target('vouchsafe-loader.html'))).toBe('<p data-base="/a/">Loading</p>');
    expect(text(await workspace.target('vouchsafe/index.html'))).toBe(await workspace.read('bundles/status.html'));
  });

  test('are not kept by browsers, and hold no release up', async () => {
    const workspace = await Workspace.make(APP);
    await workspace.published();
    expect((await wire(workspace)).files).toEqual([
      ...[...SCRIPTS, 'vouchsafe/packs/*'].map((path) => ({ path, keep: 'network-only', optional: true })),
      // Wanted most when the server is out of reach, whatever rules the app has.
      { path: 'vouchsafe/index.html', keep: 'precache', optional: true },
    ]);
  });

  test('a worker that is not built is no project to publish with', async () => {
    const workspace = await Workspace.make(APP);
    await rm(workspace.path('bundles/status.html'));
    await expect(workspace.published()).rejects.toMatchObject({
      code: 'bad-project',
      message: expect.stringContaining('status.html'),
    });
  });

  test('the status page has its own policy, whatever the app says', async () => {
    const workspace = await Workspace.make(APP);
    const headers = [{ path: '**', set: { 'content-security-policy': "script-src 'none'; object-src 'none'", 'x-a': 'b' } }];
    await workspace.published({ headers, csp: true });
    const served = headersFor(await workspace.manifest(), 'vouchsafe/index.html');
    expect(served.get('content-security-policy')).toBe(
      `default-src 'none'; script-src ${hash('status()')}; style-src ${hash('p{}')}; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(served.get('x-a')).toBe('b');
  });
});

describe('a policy for each page', () => {
  test('is made from the page, and a header rule of the person’s own wins', async () => {
    const workspace = await Workspace.make({
      'index.html': '\ufeff<script>a()</script>',
      'plain.html': '<p>',
      'own.html': '<script>b()</script>',
      'app.js': '',
    });
    const own = { path: 'own.html', set: { 'content-security-policy': "object-src 'none'" } };
    const report = await workspace.published({ csp: true, headers: [own] });
    const manifest = await workspace.manifest();
    const policy = (path: string) => headersFor(manifest, path).get('content-security-policy');
    expect(policy('index.html')).toContain(`script-src 'self' ${hash('a()')};`);
    expect(policy('plain.html')).toContain("script-src 'self';");
    expect(policy('app.js')).toContain("script-src 'self';");
    expect(policy('own.html')).toBe("object-src 'none'");
    expect(report.warnings).toEqual([expect.stringMatching(/own\.html sets a policy of its own/)]);
  });

  test('is not made unless it was asked for', async () => {
    const workspace = await Workspace.make({ 'index.html': '<body onload="a()">' });
    await expect(workspace.published({ csp: false })).resolves.toMatchObject({ warnings: [] });
    expect(headersFor(await workspace.manifest(), 'index.html').get('content-security-policy')).toBe("object-src 'none'");
  });

  test('of a page that is not UTF-8 has no hash', async () => {
    const workspace = await Workspace.make({ 'index.html': Buffer.from('<script>"caf\u00e9"</script>', 'latin1') });
    const report = await workspace.published({ csp: {} });
    expect(report.warnings).toEqual([expect.stringContaining('index.html is not UTF-8')]);
  });
});

describe('progressive delivery', () => {
  test('has the app at its own URLs as well, and unknown paths lead to its own page', async () => {
    const workspace = await Workspace.make(APP);
    await workspace.published({ delivery: 'progressive', fallback: 'index.html' });
    for (const [path, content] of Object.entries(APP)) expect(await workspace.read(`out/${path}`)).toBe(content);
    expect(await workspace.read('out/404.html')).toBe('PAGE');
    expect(await workspace.read('out/vouchsafe/index.html')).toBe(await workspace.read('bundles/status.html'));
    expect(text(await workspace.target('docs/start.html'))).toBe('DOCS');
  });

  test('writes what has changed and nothing else', async () => {
    const workspace = await Workspace.make(APP);
    await workspace.published({ delivery: 'progressive' });
    const before = await workspace.snapshot();
    await workspace.write('app', { 'app.js': 'new()' });
    await expect(workspace.publish({ delivery: 'progressive' })).resolves.toMatchObject({ written: 6 });
    const after = await workspace.snapshot();
    const touched = Object.keys(after).filter((path) => after[path]?.ctimeNs !== before[path]?.ctimeNs);
    expect(touched).toContain('app.js');
    expect(touched).not.toContain('docs/start.html');
    expect(await workspace.read('out/app.js')).toBe('new()');
  });

  test('leaves no loader page of a strict release where people come in, and the other way round', async () => {
    const workspace = await Workspace.make({ 'a.html': 'A', 'b.html': 'B' });
    await workspace.published();
    await workspace.publish({ delivery: 'progressive' });
    for (const path of ['index.html', '404.html']) expect(await workspace.read(`out/${path}`)).toContain('no such page');
    expect(await workspace.read('out/a.html')).toBe('A');
    await workspace.publish();
    for (const path of ['index.html', '404.html', 'a.html', 'vouchsafe/index.html'])
      expect(await workspace.read(`out/${path}`)).toContain('Loading');
  });

  test('strict delivery has nothing of the app at its URLs', async () => {
    const workspace = await Workspace.make(APP);
    await workspace.published({ delivery: 'strict' });
    expect(existsSync(workspace.path('out/app.js'))).toBe(false);
    expect(await workspace.read('out/docs/start.html')).toContain('Loading');
  });
});

describe('report only', () => {
  test('is said to the worker, and the app is at its own URLs', async () => {
    const workspace = await Workspace.make(APP);
    const report = await workspace.published({ reportOnly: true, enforce: ['docs/**', 'gone/**'] });
    expect(await workspace.read('out/vouchsafe-worker.js')).toContain('"passthrough":[],"reportOnly":true};');
    expect(await workspace.read('out/app.js')).toBe('run()');
    expect((await workspace.manifest()).enforce).toEqual(['docs/**', 'gone/**']);
    expect(report.warnings).toEqual([
      expect.stringMatching(/only reports.*but docs\/\*\*, gone\/\*\*\./),
      expect.stringContaining('gone/** to enforce matches no file'),
    ]);
  });

  test('without paths to enforce nothing is refused, which the person is reminded of', async () => {
    const workspace = await Workspace.make(APP);
    const report = await workspace.published({ reportOnly: true });
    expect(report.warnings).toEqual([expect.stringContaining('nothing is refused yet')]);
    expect(await wire(workspace)).not.toHaveProperty('enforce');
  });

  test('paths to enforce are pointless where all are', async () => {
    const workspace = await Workspace.make(APP);
    const report = await workspace.published({ enforce: ['app.js'] });
    expect(report.warnings).toEqual([expect.stringContaining('enforces all of them')]);
    expect(await workspace.read('out/vouchsafe-worker.js')).not.toContain('reportOnly');
  });
});

describe('standing down', () => {
  test('is a signed release that says so, with the plain app and the worker’s scripts in place', async () => {
    const workspace = await Workspace.make(APP);
    await workspace.published();
    const worker = await workspace.read('out/vouchsafe-worker.js');
    await expect(workspace.publish({ tombstone: true })).resolves.toMatchObject({ roles: { snapshot: { version: 2 } } });
    expect((await workspace.manifest()).tombstone).toBe(true);
    expect(await workspace.read('out/vouchsafe-worker.js')).toBe(worker);
    expect(await workspace.read('out/index.html')).toBe('PAGE');
    await workspace.publish();
    expect(await wire(workspace)).not.toHaveProperty('tombstone');
    expect(await workspace.read('out/index.html')).toContain('Loading');
  });
});

describe('files of other origins', () => {
  test('are listed by the URL as a browser asks for it, in one order', async () => {
    const workspace = await Workspace.make(APP);
    const external = { 'https://CDN.example:443/b.js?x=é': 'app.js', 'http://localhost:8080/a.js': 'app.js' };
    await workspace.published({ external });
    expect(Object.entries((await wire(workspace)).external as object)).toEqual([
      ['http://localhost:8080/a.js', 'app.js'],
      ['https://cdn.example/b.js?x=%C3%A9', 'app.js'],
    ]);
  });
});

test.each<[string, Partial<PublishOptions>, string]>([
  ['a delivery that does not exist', { delivery: 'fast' as never }, 'neither'],
  ['strict delivery of what only reports', { delivery: 'strict', reportOnly: true }, 'progressive'],
  ['strict delivery of what stands down', { delivery: 'strict', tombstone: true }, 'progressive'],
  ['an external file that is not there', { external: { 'https://cdn.example/a.js': 'gone.js' } }, 'gone.js'],
  ['an external file without an origin', { external: { '/a.js': 'app.js' } }, 'absolute'],
  ['an external file over HTTP', { external: { 'http://cdn.example/a.js': 'app.js' } }, 'HTTPS'],
  ['an external file that is data', { external: { 'data:text/javascript,a': 'app.js' } }, 'HTTPS'],
  ['an external file with a fragment', { external: { 'https://cdn.example/a.js#b': 'app.js' } }, 'fragment'],
  ['an external file with a password', { external: { 'https://a:b@cdn.example/a.js': 'app.js' } }, 'password'],
  ['one external file twice', { external: { 'https://a.example/': 'app.js', 'https://A.example': 'app.js' } }, 'twice'],
])('%s is refused before anything is written', async (_, options, words) => {
  const workspace = await Workspace.make(APP);
  await expect(workspace.published(options)).rejects.toMatchObject({
    code: 'bad-option',
    message: expect.stringContaining(words),
  });
  expect(existsSync(workspace.path('out'))).toBe(false);
});

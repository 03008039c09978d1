import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/node/repository-directory.js';
import { DAY, OWN_TARGETS, rotate, Workspace } from './workspace.js';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('the first publish', () => {
  test('writes a site in which the app exists as hashed targets only', async () => {
    const workspace = await Workspace.make({ 'index.html': 'APP PAGE', 'assets/app.js': 'run()', 'docs/start.html': 'APP DOCS' });
    await workspace.published();
    const files = await workspace.list();
    expect(files.map((path) => path.replace(/[0-9a-f]{64}/, 'HASH')).sort()).toEqual(
      [
        '404.html',
        'docs/start.html',
        'index.html',
        'vouchsafe-loader.html',
        'vouchsafe-loader.js',
        'vouchsafe-worker.js',
        'vouchsafe/index.html',
        'vouchsafe/metadata/1.root.json',
        'vouchsafe/metadata/1.snapshot.json',
        'vouchsafe/metadata/1.targets.json',
        'vouchsafe/metadata/timestamp.json',
        'vouchsafe/targets/HASH.index.html',
        'vouchsafe/targets/HASH.vouchsafe-loader.html',
        'vouchsafe/targets/HASH.vouchsafe-loader.js',
        'vouchsafe/targets/HASH.vouchsafe-worker.js',
        'vouchsafe/targets/HASH.vouchsafe.json',
        'vouchsafe/targets/assets/HASH.app.js',
        'vouchsafe/targets/docs/HASH.start.html',
        'vouchsafe/targets/vouchsafe/HASH.index.html',
      ].sort(),
    );
    for (const page of ['404.html', 'index.html', 'docs/start.html', 'vouchsafe/index.html', 'vouchsafe-loader.html'])
      expect(await workspace.read(`out/${page}`)).toBe('<p data-base="/">Loading</p>');
  });

  test('a client finds every file and its bytes, whatever characters are in the path', async () => {
    const files = {
      'index.html': 'page',
      'a@2x.png': 'at',
      'ü/ß#?&.txt': 'odd',
      '100%.txt': 'percent',
      'a b+c,d;e=f.txt': 'more',
      __proto__: 'p',
      constructor: 'c',
      empty: '',
    };
    const workspace = await Workspace.make(files);
    const report = await workspace.published();
    const client = await workspace.client();
    for (const [path, content] of Object.entries(files)) {
      const target = await client.findTarget(path);
      expect(target, path).toBeDefined();
      if (target) expect(text(await client.downloadTarget(target))).toBe(content);
    }
    expect(report).toMatchObject({
      files: Object.keys(files).length + OWN_TARGETS + 1,
      removed: [],
      changed: [],
      roles: { snapshot: { version: 1 } },
    });
  });

  test('the base stands in the loader page as text, never as markup', async () => {
    const workspace = await Workspace.make();
    await workspace.published({ base: "/a'b&c/" });
    expect(await workspace.read('out/index.html')).toBe('<p data-base="/a&#39;b&#38;c/">Loading</p>');
  });

  test('keys of a role with a threshold all sign, and too few of them are refused', async () => {
    const workspace = await Workspace.make();
    await workspace.init({ roles: { targets: { threshold: 2, keys: 3 } } });
    await workspace.publish();
    expect((await workspace.refresh()).targets?.signatures.size).toBe(3);
    await rm(workspace.path('project/keys/targets-1.json'));
    await workspace.publish();
    expect((await workspace.refresh()).targets?.signatures.size).toBe(2);
    await rm(workspace.path('project/keys/targets-2.json'));
    await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-key', message: expect.stringContaining('needs 2 keys') });
  });

  test('does not need the root keys', async () => {
    const workspace = await Workspace.make();
    await workspace.init();
    await rm(workspace.path('project/keys/root-1.json'));
    await expect(workspace.publish()).resolves.toMatchObject({ roles: { root: { version: 1 } } });
  });

  test('roles expire when they were told to', async () => {
    const workspace = await Workspace.make();
    await workspace.published({ expires: { timestamp: 24 * 60 * 60 } });
    const { timestamp, snapshot, targets } = await workspace.refresh();
    expect([timestamp?.expires, snapshot?.expires, targets?.expires]).toEqual(
      [1, 30, 90].map((days) => workspace.now + days * DAY),
    );
  });

  test('shows how far it is', async () => {
    const workspace = await Workspace.make({ 'index.html': 'x'.repeat(100_000) });
    const seen: string[] = [];
    await workspace.init();
    await workspace.publish({ onProgress: ({ step, bytes, totalBytes }) => bytes === totalBytes && seen.push(`${step} ${bytes}`) });
    expect(seen).toEqual(['reading 100000', 'writing 100000', expect.stringMatching(/^checking 10\d{4}$/)]);
  });
});

describe('the release manifest', () => {
  test('is a target, with the content types of what is there, a charset for text, and nosniff', async () => {
    const workspace = await Workspace.make({
      'index.html': '',
      'a.mjs': '',
      'a.wasm': '',
      'a.WOFF2': '',
      'a.svg': '',
      'a.js.map': '{}',
      'a.webmanifest': '{}',
      'a.constructor': '',
      'a.zzz': '',
      LICENSE: '',
      'b.cjs': '',
      'favicon.ico': '',
    });
    await workspace.published({ offlineSeconds: 5 });
    const manifest = await workspace.manifest();
    expect(Object.fromEntries(manifest.contentTypes)).toEqual({
      html: 'text/html; charset=utf-8',
      mjs: 'text/javascript; charset=utf-8',
      cjs: 'text/javascript; charset=utf-8',
      wasm: 'application/wasm',
      woff2: 'font/woff2',
      svg: 'image/svg+xml; charset=utf-8',
      map: 'application/json',
      webmanifest: 'application/manifest+json',
      ico: 'image/x-icon',
      '': 'application/octet-stream',
    });
    expect(manifest.headers.slice(0, -1)).toEqual([
      { path: '**', set: { 'x-content-type-options': 'nosniff', 'content-security-policy': "object-src 'none'" } },
    ]);
    expect(manifest.offlineSeconds).toBe(5);
  });

  test.each([
    [['index.html'], undefined, 'index.html'],
    [['index.html', 'about.html'], undefined, undefined],
    [['index.html', 'zebra.html'], undefined, undefined],
    [['docs/index.html'], undefined, undefined],
    [['index.html'], false as const, undefined],
    [['index.html', 'app.html'], 'app.html', 'app.html'],
  ])('pages %j with the fallback %j: %j', async (pages, fallback, expected) => {
    const workspace = await Workspace.make(Object.fromEntries(pages.map((page) => [page, page])));
    await workspace.published({ fallback });
    const { index, fallback: written } = (await workspace.manifest()).navigation;
    expect([index, written]).toEqual(['index.html', expected]);
  });

  test('text that is not UTF-8 keeps its own encoding; text whose characters lie across two pieces is UTF-8', async () => {
    const latin = Buffer.from('<meta charset="iso-8859-1">caf\u00e9', 'latin1');
    const long = {
      'a.html': `${'x'.repeat(65_535)}\u00e9`,
      'b.html': `${'x'.repeat(65_534)}\u{1f600}`,
      'cut.js': Buffer.from('\u00e9').subarray(0, 1),
    };
    const workspace = await Workspace.make({ 'index.html': '', 'old.html': latin, 'old.png': latin, ...long });
    await workspace.published();
    expect((await workspace.manifest()).headers.slice(1, -1)).toEqual([
      { path: 'cut.js', set: { 'content-type': 'text/javascript' } },
      { path: 'old.html', set: { 'content-type': 'text/html' } },
    ]);
  });

  test('text that is not UTF-8, in a file whose name would be a pattern, is refused', async () => {
    const workspace = await Workspace.make({ 'index.html': '', 'a*.html': Buffer.from('caf\u00e9', 'latin1') });
    await expect(workspace.published()).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('a*.html') });
  });

  test('takes header rules after its own, and says which of them match nothing', async () => {
    const workspace = await Workspace.make();
    const rule = { path: '**/*.html', set: { 'content-security-policy': "default-src 'self'" } };
    const report = await workspace.published({ headers: [rule, { path: '*.htlm', set: { a: 'b' } }] });
    expect((await workspace.manifest()).headers.slice(1, 2)).toEqual([rule]);
    expect(report.warnings).toEqual([expect.stringContaining("object-src 'none'"), expect.stringContaining('*.htlm')]);
  });

  test.each(["default-src 'self'; object-src 'none'", "Object-Src 'none'", "default-src 'none'; script-src 'self'"])(
    'the policy %j shuts out <object>: no warning',
    async (policy) => {
      const workspace = await Workspace.make();
      const report = await workspace.published({ headers: [{ path: '**/*.html', set: { 'content-security-policy': policy } }] });
      expect(report.warnings).toEqual([]);
    },
  );

  test('a name in decomposed Unicode is warned about, since no URL will have it', async () => {
    const workspace = await Workspace.make({ 'index.html': '', 'caf\u00e9.js': '', 'cafe\u0301.css': '' });
    await expect(workspace.published()).resolves.toMatchObject({ warnings: [expect.stringContaining('cafe\u0301.css')] });
  });

  test('a site below the root is warned that frames and workers from elsewhere are not seen, unless its policy names them', async () => {
    const workspace = await Workspace.make();
    await expect(workspace.published({ base: '/app/' })).resolves.toMatchObject({
      warnings: [expect.stringContaining('outside /app/')],
    });
    const policy = "object-src 'none'; frame-src https://a.example/app/; worker-src https://a.example/app/";
    const headers = [{ path: '**', set: { 'content-security-policy': policy } }];
    await expect((await Workspace.make()).published({ base: '/app/', headers })).resolves.toMatchObject({ warnings: [] });
  });

  test('a site without an index.html is warned about', async () => {
    const workspace = await Workspace.make({ 'start.html': '' });
    await expect(workspace.published()).resolves.toMatchObject({ warnings: [expect.stringContaining('no index.html')] });
  });
});

describe('publishing again', () => {
  test('with nothing changed signs nothing and touches nothing', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    const before = await workspace.snapshot();
    workspace.now += 3 * DAY;
    const report = await workspace.publish();
    expect(report).toMatchObject({ bumped: [], written: 0, roles: { timestamp: { version: 1 } } });
    expect(await workspace.snapshot()).toEqual(before);
  });

  test('with one file changed writes that file and the metadata, and nothing else', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'a.js': 'old', 'b.js': 'same' });
    await workspace.published();
    const before = await workspace.snapshot();
    await workspace.write('app', { 'a.js': 'new' });
    const report = await workspace.publish();
    const after = await workspace.snapshot();
    const touched = Object.keys(after).filter((path) => after[path]?.ctimeNs !== before[path]?.ctimeNs);
    expect(touched.map((path) => path.replace(/[0-9a-f]{64}/, 'HASH'))).toEqual([
      'vouchsafe/metadata/2.snapshot.json',
      'vouchsafe/metadata/2.targets.json',
      'vouchsafe/metadata/deltas/HASH.2.targets.json',
      'vouchsafe/metadata/timestamp.json',
      'vouchsafe/targets/HASH.a.js',
    ]);
    expect(report).toMatchObject({
      changed: ['a.js'],
      added: [],
      removed: [],
      written: 5,
      bumped: [
        { role: 'targets', version: 2, reason: 'files changed' },
        { role: 'snapshot', version: 2, reason: 'targets changed' },
        { role: 'timestamp', version: 2, reason: 'snapshot changed' },
      ],
    });
  });

  test('keeps the files of earlier releases, for clients in the middle of an update', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'a.js': 'old', 'gone.js': 'gone' });
    await workspace.published();
    const before = await workspace.list();
    await rm(workspace.path('app/gone.js'));
    await workspace.write('app', { 'a.js': 'new', 'more.js': 'more' });
    const report = await workspace.publish();
    expect(report).toMatchObject({ changed: ['a.js'], removed: ['gone.js'], added: ['more.js'] });
    expect(await workspace.list()).toEqual(expect.arrayContaining(before));
    expect(await (await workspace.client()).findTarget('gone.js')).toBeUndefined();
  });

  test.each([
    [4, ['timestamp'], 'half of its life was over'],
    [16, ['snapshot', 'timestamp'], 'half of its life was over'],
    [46, ['targets', 'snapshot', 'timestamp'], 'half of its life was over'],
    [200, ['targets', 'snapshot', 'timestamp'], 'half of its life was over'],
  ])('after %d days renews %j, expired or not', async (days, roles, reason) => {
    const workspace = await Workspace.make();
    await workspace.published();
    workspace.now += days * DAY;
    const report = await workspace.publish();
    expect(report.bumped.map(({ role }) => role)).toEqual(roles);
    expect(report.bumped[0]?.reason).toBe(reason);
    await expect(workspace.refresh()).resolves.toMatchObject({ timestamp: { version: 2 } });
  });

  test('the worker script is the same, byte for byte, from release to release', async () => {
    const workspace = await Workspace.make();
    await workspace.published({ passthrough: ['/b/', '/a/'] });
    const first = await workspace.read('out/vouchsafe-worker.js');
    await workspace.write('app', { 'new.js': 'new', 'index.html': 'other' });
    workspace.now += 100 * DAY;
    await workspace.publish({ passthrough: ['/a/', '/b/', '/a/'], headers: [{ path: '**', set: { 'x-a': 'b' } }] });
    expect(await workspace.read('out/vouchsafe-worker.js')).toBe(first);
  });

  test('restores a target whose bytes were altered in the output', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'a.js': 'true' });
    await workspace.published();
    const name = (await workspace.list()).find((path) => path.endsWith('.a.js')) as string;
    await workspace.write('out', { [name]: 'evil' });
    await expect(workspace.publish()).resolves.toMatchObject({ written: 1, bumped: [] });
    expect(await workspace.read(`out/${name}`)).toBe('true');
  });

  test('leaves files that a host needs alone', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    await workspace.write('out', { CNAME: 'example.org' });
    await workspace.publish();
    expect(await workspace.read('out/CNAME')).toBe('example.org');
  });
});

describe('the worker script', () => {
  test('starts with its configuration: the roots as signed, relative folders, sorted prefixes', async () => {
    const workspace = await Workspace.make();
    await workspace.published({ passthrough: ['/b/', '/a/', '/b/'] });
    const root = JSON.stringify(await workspace.read('project/root/1.root.json'));
    const script = await workspace.read('out/vouchsafe-worker.js');
    const [, build] = /"build":"([0-9a-f]{32})"/.exec(script) ?? [];
    expect(script).toBe(
      `self.vouchsafe={"build":"${build}","roots":[${root}],"metadata":"vouchsafe/metadata/","targets":"vouchsafe/targets/","passthrough":["/a/","/b/"]};\nworker()`,
    );
  });

  test('has a name in its first line that is another when anything in it is another', async () => {
    const workspace = await Workspace.make();
    const build = async () => /"build":"(\w+)"/.exec(await workspace.read('out/vouchsafe-worker.js'))?.[1];
    await workspace.published();
    const names = [await build()];
    await workspace.write('app', { 'app.js': 'another()' });
    await workspace.publish();
    expect(await build()).toBe(names[0]);
    await workspace.publish({ passthrough: ['/api/'] });
    names.push(await build());
    await workspace.write('bundles', { 'worker.js': 'another()' });
    await workspace.publish({ passthrough: ['/api/'] });
    names.push(await build());
    await rotate(workspace);
    await workspace.publish({ passthrough: ['/api/'] });
    names.push(await build());
    expect(new Set(names).size).toBe(4);
  });

  test('holds every root, and clients of the first one are led there', async () => {
    const workspace = await Workspace.make();
    await workspace.published();
    const store = new MemoryStore();
    await workspace.refresh(store);
    const second = await rotate(workspace);
    const report = await workspace.publish();
    expect(await workspace.read('out/vouchsafe-worker.js')).toContain(JSON.stringify(text(second)));
    expect(await workspace.read('out/vouchsafe/metadata/2.root.json')).toBe(text(second));
    await expect(workspace.refresh(store)).resolves.toMatchObject({ root: { version: 2 }, timestamp: { version: 2 } });
    // The worker script is a target, and has another root in it.
    expect(report).toMatchObject({ changed: ['vouchsafe-worker.js'], bumped: [{ role: 'targets' }, {}, { role: 'timestamp' }] });
    await expect(workspace.publish()).resolves.toMatchObject({ bumped: [], written: 0 });
  });
});

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Workspace } from './workspace.js';

// The compiled command, as people run it: with the package's own worker and loader.
const CLI = new URL('../../dist/node/cli.js', import.meta.url).pathname;

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (workspace: Workspace, ...args: string[]): Promise<Ended> =>
  new Promise((done) => {
    execFile(
      process.execPath,
      [CLI, ...args],
      { cwd: workspace.folder, env: { ...process.env, DEBUG: undefined } },
      (error, stdout, stderr) => done({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });

describe('vouchsafe', { timeout: 30_000 }, () => {
  test('publish takes policy and delivery; stand-down signs a release that says so', async () => {
    const workspace = await Workspace.make({ 'index.html': '<script>a()</script>', 'v/lib.js': 'lib()' });
    await workspace.write('.', { 'csp.json': '{ "trustedTypes": ["p"], "extend": { "img-src": ["https://img.example"] } }' });
    const manifestOf = async (): Promise<Record<string, unknown>> => {
      const { signed } = JSON.parse(await workspace.read(`out/vouchsafe/metadata/${version}.targets.json`));
      const { sha256 } = signed.targets['vouchsafe.json'].hashes;
      return JSON.parse(await workspace.read(`out/vouchsafe/targets/${sha256}.vouchsafe.json`));
    };
    let version = 1;
    await run(workspace, 'init');
    const options = [
      '--csp-file',
      'csp.json',
      '--report-only',
      '--enforce',
      'v/**',
      '--external',
      'https://cdn.example/?a=b=v/lib.js',
    ];
    const report = await run(workspace, 'publish', 'app', '--out', 'out', ...options);
    expect(report).toMatchObject({ code: 0, stderr: expect.stringContaining('only reports') });
    expect(await manifestOf()).toMatchObject({ enforce: ['v/**'], external: { 'https://cdn.example/?a=b': 'v/lib.js' } });
    const policy = JSON.stringify(await manifestOf());
    expect(policy).toContain('trusted-types vouchsafe p');
    expect(policy).toContain("img-src 'self' data: blob: https://img.example");
    expect(await workspace.read('out/vouchsafe-worker.js')).toContain('"reportOnly":true');

    version = 2;
    expect(await run(workspace, 'stand-down', 'app', '--out', 'out')).toMatchObject({ code: 0, stderr: '' });
    expect(await manifestOf()).toMatchObject({ tombstone: true });
    expect(await workspace.read('out/v/lib.js')).toBe('lib()');
    expect((await run(workspace, 'stand-down', '--help')).stdout).toMatch(/signed.*come back, publish again/s);
    expect(await run(workspace, 'publish', 'app', '--out', 'out', '--delivery', 'fast')).toMatchObject({ code: 2 });
    expect(await run(workspace, 'publish', 'app', '--out', 'out', '--external', 'x')).toMatchObject({ code: 2 });
  });

  test('init, publish, publish again: what a person sees', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'app.js': 'run()', '.env': '' });
    const made = await run(workspace, 'init', '--role', 'root=2/3');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    for (const words of [
      'vouchsafe/root/1.root.json',
      'vouchsafe/keys/root-3.json',
      'Commit',
      'Back up',
      'Keep secret',
      'Next: npx vouchsafe publish',
    ]) {
      expect(made.stdout).toContain(words);
    }
    const first = await run(workspace, 'publish', 'app', '--out', 'published', '--passthrough', '/api/', '--passthrough', '/x/');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    for (const words of ['release 1', '7 files', 'first release', 'hidden: .env', 'root expires'])
      expect(first.stdout).toContain(words);
    expect(await workspace.read('published/vouchsafe-worker.js')).toContain('"passthrough":["/api/","/x/"]');
    const again = await run(workspace, 'publish', 'app', '--out', 'published', '--passthrough', '/api/', '--passthrough', '/x/');
    expect(again.stdout).toContain('Release 1 stays');
    expect(again.stdout).toContain('0 output files written');
  });

  test('publish takes headers, fallback, expiry and the offline allowance', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page' });
    await workspace.write('.', { 'headers.json': '[{ "path": "*.html", "set": { "x-frame-options": "DENY" } }]' });
    await run(workspace, 'init', '--project', 'p', '--root-days', '10');
    const options = [
      '--headers',
      'headers.json',
      '--no-fallback',
      '--offline-days',
      '2',
      '--expires',
      'timestamp=1',
      '--expires',
      'targets=2',
      '--base',
      '/b/',
    ];
    const report = await run(workspace, 'publish', 'app', '--out', 'out', '--project', 'p', ...options);
    expect(report).toMatchObject({ code: 0, stderr: expect.stringContaining('outside /b/') });
    const name = (await workspace.list()).find((path) => path.endsWith('.vouchsafe.json')) as string;
    expect(JSON.parse(await workspace.read(`out/${name}`))).toMatchObject({
      navigation: { index: 'index.html' },
      headers: [{ path: '**' }, { path: '*.html', set: { 'x-frame-options': 'DENY' } }, { path: 'vouchsafe/index.html' }],
      offline_seconds: 172_800,
    });
    const days = async (file: string): Promise<number> =>
      Math.round((Date.parse(JSON.parse(await workspace.read(file)).signed.expires) - Date.now()) / 86_400_000);
    expect(await days('out/vouchsafe/metadata/timestamp.json')).toBe(1);
    expect(await days('out/vouchsafe/metadata/1.targets.json')).toBe(2);
    expect(await days('p/root/1.root.json')).toBe(10);
    expect(await workspace.read('out/index.html')).toContain('/b/vouchsafe-loader.js');
  });

  test('publish takes options from a file; the command line wins', async () => {
    const workspace = await Workspace.make({ 'index.html': 'page', 'a.js': 'a()' });
    const config = {
      activation: 'prompt',
      lookSeconds: 60,
      offlineDays: 1,
      files: [{ path: '*.js', keep: 'on-demand' }],
      navigation: { redirects: [{ from: 'old', to: 'new' }] },
      reporting: { url: '/reports' },
      headers: [{ path: '*.html', set: { 'x-a': 'b' } }],
      passthrough: ['/api/'],
      fallback: false,
      reportOnly: true,
    };
    await workspace.write('.', { 'config.json': JSON.stringify(config) });
    await run(workspace, 'init');
    const manifestOf = async (out: string): Promise<Record<string, unknown>> => {
      const name = (await workspace.list(out)).find((path) => path.endsWith('.vouchsafe.json'));
      return JSON.parse(await workspace.read(`${out}/${name}`));
    };
    const said = {
      activation: 'prompt',
      look_seconds: 60,
      offline_seconds: 86_400,
      navigation: { index: 'index.html', redirects: [{ from: 'old', to: 'new', status: 301 }] },
      reporting: { url: 'reports', sample_percent: 100 },
    };
    expect(await run(workspace, 'publish', 'app', '--out', 'a', '--config', 'config.json')).toMatchObject({ code: 0 });
    const manifest = await manifestOf('a');
    expect(manifest).toMatchObject(said);
    expect(manifest.files).toContainEqual({ path: '*.js', keep: 'on-demand', optional: false });
    expect(manifest.headers).toContainEqual(config.headers[0]);
    expect(await workspace.read('a/vouchsafe-worker.js')).toContain('"/api/"');
    expect(await workspace.read('a/vouchsafe-worker.js')).toContain('"reportOnly":true');

    const flags = ['--look-seconds', '0', '--activation', 'immediate', '--offline-days', '2', '--fallback', 'index.html'];
    await run(workspace, 'publish', 'app', '--out', 'b', '--config', 'config.json', ...flags);
    expect(await manifestOf('b')).toMatchObject({
      ...said,
      activation: 'immediate',
      look_seconds: 0,
      offline_seconds: 172_800,
      navigation: { fallback: 'index.html' },
    });

    expect(await run(workspace, 'stand-down', 'app', '--out', 'c', '--config', 'config.json')).toMatchObject({ code: 0 });
    expect(await manifestOf('c')).toMatchObject({ tombstone: true, reporting: said.reporting });
    expect(await workspace.read('c/vouchsafe-worker.js')).not.toContain('"reportOnly":true');
  });

  test.each([
    ['a name that is none', '{ "look_seconds": 1 }', 'no "look_seconds"; there is activation, lookSeconds, files'],
    ['a name twice', '{ "fallback": false, "fallback": "index.html" }', 'configuration file config.json cannot be read'],
    ['no object', '[]', 'must be an object with activation'],
    ['a list that is none', '{ "headers": {} }', 'must have a list as headers'],
    ['an object that is none', '{ "navigation": null }', 'must have an object as navigation'],
    ['a text that is none', '{ "fallback": true }', 'must have a text or false as fallback'],
    ['a list of something else', '{ "passthrough": [1] }', 'must have a list of texts as passthrough'],
    ['no number of days', '{ "offlineDays": "2" }', 'must have a number of days as offlineDays'],
    ['a switch that is none', '{ "reportOnly": "no" }', 'must have true or false as reportOnly'],
    ['an option that makes no sense', '{ "lookSeconds": "5" }', 'lookSeconds cannot be "5"'],
  ])('publish, with %s in its file: one sentence and exit code 1', async (_, config, message) => {
    const workspace = await Workspace.make();
    await workspace.write('.', { 'config.json': config });
    await run(workspace, 'init');
    const { code, stderr } = await run(workspace, 'publish', 'app', '--out', 'out', '--config', 'config.json');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^vouchsafe: [^\n]+\n$/) });
    expect(stderr).toContain(message);
  });

  test.each([
    ['init, a second time', ['init'], 'never overwritten'],
    ['publish, of nothing', ['publish', 'gone', '--out', 'out'], 'There is no folder gone'],
    ['publish, with headers that are no JSON', ['publish', 'app', '--out', 'out', '--headers', 'app/index.html'], 'headers file'],
    ['publish, with headers that are no list', ['publish', 'app', '--out', 'out', '--headers', 'object.json'], 'must hold a list'],
    ['publish, without a project', ['publish', 'app', '--out', 'out', '--project', 'gone'], 'npx vouchsafe init --project gone'],
    ['serve, of something else', ['serve', 'app'], 'not a published site'],
  ])('%s: one sentence on stderr and exit code 1', async (_, args, message) => {
    const workspace = await Workspace.make();
    await workspace.write('.', { 'object.json': '{}' });
    await run(workspace, 'init');
    const { code, stdout, stderr } = await run(workspace, ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^vouchsafe: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  test.each([
    [],
    ['frobnicate'],
    ['publish'],
    ['publish', 'app'],
    ['publish', 'app', 'more', '--out', 'out'],
    ['publish', 'app', '--out', 'out', '--frobnicate'],
    ['publish', 'app', '--out', 'out', '--expires', 'root=1'],
    ['publish', 'app', '--out', 'out', '--expires', 'timestamp=soon'],
    ['publish', 'app', '--out', 'out', '--offline-days', '0'],
    ['publish', 'app', '--out', 'out', '--look-seconds', '1.5'],
    ['publish', 'app', '--out', 'out', '--activation', 'later'],
    ['init', '--role', 'root=two/three'],
    ['init', '--role', 'admin=1/2'],
    ['serve', 'out', '--port', '99999'],
  ])('vouchsafe %s %s %s %s %s %s: exit code 2 and nothing made', async (...args) => {
    const workspace = await Workspace.make();
    const before = await workspace.list('.');
    const { code, stdout, stderr } = await run(workspace, ...args.filter((arg) => arg !== undefined));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
    expect(await workspace.list('.')).toEqual(before);
  });

  test.each(['init', 'publish', 'serve'])('%s --help shows examples', async (command) => {
    const workspace = await Workspace.make();
    const { code, stdout } = await run(workspace, command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  vouchsafe ${command}`);
  });

  test('--version is the package’s', async () => {
    const workspace = await Workspace.make();
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await run(workspace, '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('--verbose and DEBUG show where an error came from', async () => {
    const workspace = await Workspace.make();
    expect((await run(workspace, 'serve', 'gone', '--verbose')).stderr).toMatch(/\n {4}at /);
    expect((await run(workspace, 'serve', 'gone')).stderr).not.toMatch(/\n {4}at /);
  });

  test('serve says where, serves, and stops when it is told to', async () => {
    const workspace = await Workspace.make();
    await run(workspace, 'init');
    await run(workspace, 'publish', 'app', '--out', 'out');
    const { child, url } = await startServing(workspace, '0');
    expect((await fetch(url)).status).toBe(200);
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });

  test('serve on a port in use: one sentence and exit code 1', async () => {
    const workspace = await Workspace.make();
    await run(workspace, 'init');
    await run(workspace, 'publish', 'app', '--out', 'out');
    const other = createServer().listen(0, 'localhost');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { code, stderr } = await run(workspace, 'serve', 'out', '--port', String(port));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `vouchsafe: Port ${port} is in use; stop what listens there or choose another with --port.\n`,
    });
  });
});

async function startServing(workspace: Workspace, port: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [CLI, 'serve', 'out', '--port', port], { cwd: workspace.folder });
  onTestFinished(() => void child.kill());
  const [line] = await once(child.stdout, 'data');
  const url = /http:\S+/.exec(String(line))?.[0];
  if (url === undefined) throw new Error(String(line));
  return { child, url };
}

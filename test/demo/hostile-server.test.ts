import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostileServer } from '../../src/demo/hostile-server.js';

const HASH_0 = '0'.repeat(64);
const HASH_A = 'a'.repeat(64);
const HASH_B = 'b'.repeat(64);

const targetsMetadata = (sha256: string): string =>
  JSON.stringify({ signed: { targets: { 'js/app.js': { hashes: { sha256 } } } } });

const write = async (directory: string, files: Record<string, string>): Promise<string> => {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return directory;
};

/** Headers and as much of the body as arrives before the connection ends or `milliseconds` have passed. */
const rawGet = (url: string, milliseconds: number): Promise<{ headers: object; body: string; complete: boolean }> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, (response) => {
      let body = '';
      const finish = (): void => {
        resolve({ headers: response.headers, body, complete: response.complete });
        request.destroy();
      };
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', finish).on('end', finish);
      setTimeout(finish, milliseconds);
    });
    request.on('error', reject).end();
  });

let root: string;
let server: HostileServer;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vouchsafe-hostile-'));
  await write(join(root, 'out'), {
    'index.html': '<p>loader</p>',
    '404.html': '<p>loader</p>',
    'vouchsafe-worker.js': 'worker()',
    'vouchsafe/metadata/timestamp.json': '{"version":2}',
    [`vouchsafe/targets/js/${HASH_B}.app.js`]: 'new app',
  });
  await write(join(root, 'older'), {
    'vouchsafe/metadata/timestamp.json': '{"version":1}',
    [`vouchsafe/targets/js/${HASH_A}.app.js`]: 'old app',
    [`vouchsafe/targets/js/${HASH_0}.app.js`]: 'older app',
    'vouchsafe/metadata/9.targets.json': targetsMetadata(HASH_0),
    'vouchsafe/metadata/10.targets.json': targetsMetadata(HASH_A),
  });
  server = await HostileServer.start(join(root, 'out'));
});

afterEach(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(server.origin + path, init);
const textOf = async (path: string): Promise<string> => (await get(path)).text();

describe('an honest server', () => {
  it('serves files with their type, all to be asked for each time', async () => {
    const script = await get(`/vouchsafe/targets/js/${HASH_B}.app.js`);
    expect(await script.text()).toBe('new app');
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/);
    expect(script.headers.get('cache-control')).toBe('no-cache');
    expect((await get('/vouchsafe/metadata/timestamp.json')).headers.get('cache-control')).toBe('no-cache');
  });

  it('says that metadata has not changed, to whoever has it', async () => {
    const path = '/vouchsafe/metadata/timestamp.json';
    const etag = (await get(path)).headers.get('etag') ?? '';
    const again = await get(path, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect(server.requests.at(-1)?.answered).toMatchObject({ status: 304, bytes: expect.any(Number) });
    expect(server.requests.at(-1)?.answered?.bytes).toBeLessThan(400);
    expect((await get(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('serves index.html at the root, and 404.html with status 404 for a path without extension', async () => {
    expect(await textOf('/')).toBe('<p>loader</p>');
    const deep = await get('/deep/link');
    expect([deep.status, await deep.text()]).toEqual([404, '<p>loader</p>']);
    const missing = await get('/missing.js');
    expect([missing.status, await missing.text()]).toEqual([404, 'Not found\n']);
  });

  it.each(['/../older/vouchsafe/metadata/timestamp.json', '/%2e%2e/older/x.json', '/%00.js', '/%zz.js'])(
    'does not leave its directory for %s',
    async (path) => {
      const status = await new Promise((resolve) => {
        httpRequest({ port: new URL(server.origin).port, path }, (response) => resolve(response.statusCode)).end();
      });
      expect(status).toBe(404);
    },
  );

  it('answers HEAD, refuses POST', async () => {
    expect(await (await get('/', { method: 'HEAD' })).text()).toBe('');
    expect((await get('/', { method: 'POST' })).status).toBe(405);
  });

  it('logs what it received, and lets one wait for the next', async () => {
    const next = server.nextRequest(/worker/);
    await get('/?a=1');
    await get('/vouchsafe-worker.js');
    expect((await next).path).toBe('/vouchsafe-worker.js');
    expect(server.requests.map(({ method, url, lied }) => [method, url, lied])).toEqual([
      ['GET', '/?a=1', false],
      ['GET', '/vouchsafe-worker.js', false],
    ]);
  });

  it('serves under a base path only', async () => {
    const other = await HostileServer.start(join(root, 'out'), { base: '/app/' });
    expect(await (await fetch(`${other.url}vouchsafe-worker.js`)).text()).toBe('worker()');
    expect((await fetch(`${other.origin}/vouchsafe-worker.js`)).status).toBe(404);
    await other.close();
  });

  it.each(['%40', '@', '%C3%BC'])('serves a name spelled with %s', async (letter) => {
    await write(join(root, 'out'), { [`${decodeURIComponent(letter)}2x.png`]: 'image' });
    expect(await textOf(`/${letter}2x.png`)).toBe('image');
  });

  it('hands /api/ to the given listener', async () => {
    const other = await HostileServer.start(join(root, 'out'), { api: (_, response) => response.end('api') });
    expect(await (await fetch(`${other.origin}/api/time`)).text()).toBe('api');
    await other.close();
  });

  it('serves another directory from one request to the next', async () => {
    server.out = join(root, 'older');
    expect(await textOf('/vouchsafe/metadata/timestamp.json')).toBe('{"version":1}');
  });
});

describe('a lying server', () => {
  it.each([
    ['first', 'vorker()'],
    ['middle', 'wors'],
    ['last', 'worker(('],
  ] as const)('flips one bit of the %s byte', async (flip, start) => {
    server.lie({ match: /worker/, flip });
    const text = await textOf('/vouchsafe-worker.js');
    expect(text).not.toBe('worker()');
    expect(text).toHaveLength(8);
    expect([...text].filter((letter, i) => letter !== 'worker()'[i])).toHaveLength(1);
    if (flip !== 'middle') expect(text).toBe(start);
  });

  it('changes status, headers, body and place', async () => {
    server.lie({ match: /^\/a/, status: 500 });
    server.lie({ match: /^\/b/, body: 'evil()', type: 'text/javascript' });
    server.lie({ match: /^\/c/, redirect: '/elsewhere' });
    server.lie({
      match: /worker/,
      headers: { 'Content-Type': 'text/html', 'cache-control': null, link: '</evil.css>; rel=stylesheet' },
    });
    expect((await get('/a')).status).toBe(500);
    expect(await textOf('/b')).toBe('evil()');
    const redirect = await get('/c', { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/elsewhere']);
    const script = await get('/vouchsafe-worker.js');
    expect(await script.text()).toBe('worker()');
    expect(['content-type', 'cache-control', 'link'].map((name) => script.headers.get(name))).toEqual([
      'text/html',
      null,
      '</evil.css>; rel=stylesheet',
    ]);
  });

  it('swaps two files, and replays an older directory: metadata by name, a target by its hash there', async () => {
    server.lie({ match: /timestamp/, swapWith: '/vouchsafe-worker.js' });
    expect(await textOf('/vouchsafe/metadata/timestamp.json')).toBe('worker()');
    server.lie({ match: /./, from: join(root, 'older') });
    expect(await textOf('/vouchsafe/metadata/timestamp.json')).toBe('{"version":1}');
    expect(await textOf(`/vouchsafe/targets/js/${HASH_B}.app.js`)).toBe('old app');
    expect((await get('/vouchsafe/metadata/2.root.json')).status).toBe(404);
  });

  it('truncates, stalls, drops, drips, never ends and holds back', async () => {
    const url = `${server.origin}/vouchsafe-worker.js`;
    let undo = server.lie({ match: /worker/, truncate: 3 });
    expect(await rawGet(url, 5000)).toMatchObject({ body: 'wor', complete: false, headers: { 'content-length': '8' } });
    undo();
    undo = server.lie({ match: /worker/, stall: 0.5 });
    expect(await rawGet(url, 100)).toMatchObject({ body: 'work', complete: false, headers: { 'content-length': '8' } });
    const stalled = await fetch(url);
    undo();
    await expect(stalled.text()).rejects.toThrow('terminated');
    undo = server.lie({ match: /9\.root/, stall: 0.5 });
    expect(await rawGet(`${server.origin}/vouchsafe/metadata/9.root.json`, 100)).toMatchObject({
      body: '',
      headers: { 'content-length': '1' },
    });
    undo();
    undo = server.lie({ match: /worker/, drop: true });
    await expect(rawGet(url, 5000)).rejects.toThrow();
    undo();
    undo = server.lie({ match: /worker/, drip: true });
    expect((await rawGet(url, 100)).body).toBe('w');
    undo();
    undo = server.lie({ match: /worker/, endless: true });
    const endless = await rawGet(url, 300);
    expect([endless.body.slice(0, 9), endless.complete]).toEqual(['worker() ', false]);
    expect(endless.body.length).toBeGreaterThan(100_000);
    undo();
    undo = server.lie({ match: /worker/, hold: true });
    const arrived = server.nextRequest(/worker/);
    const answered = server.nextAnswer(({ path }) => path.endsWith('worker.js'));
    const held = textOf('/vouchsafe-worker.js');
    expect((await arrived).answered).toBeUndefined();
    undo();
    expect(await held).toBe('worker()');
    expect((await answered).answered).toMatchObject({ status: 200 });
  });

  it('lies as often as told, the last lie first, until it is honest again', async () => {
    server.lie({ match: /worker/, body: 'first' });
    server.lie({ match: (path) => path.endsWith('.js'), body: 'second', times: 1 });
    expect([await textOf('/vouchsafe-worker.js'), await textOf('/vouchsafe-worker.js')]).toEqual(['second', 'first']);
    server.honest();
    expect(await textOf('/vouchsafe-worker.js')).toBe('worker()');
    expect(server.requests.map(({ lied }) => lied)).toEqual([true, true, false]);
  });

  it('lies to those alone whose headers it knows', async () => {
    const url = `${server.url}vouchsafe-worker.js`;
    server.lie({ match: (_path, headers) => headers['service-worker'] === 'script', body: 'evil()' });
    expect(await (await fetch(url)).text()).toBe('worker()');
    expect(await (await fetch(url, { headers: { 'service-worker': 'script' } })).text()).toBe('evil()');
  });

  it('goes offline and comes back on the same port', async () => {
    const { origin } = server;
    await server.goOffline();
    await expect(fetch(origin)).rejects.toThrow();
    await server.goOnline();
    expect(server.origin).toBe(origin);
    expect(await textOf('/')).toBe('<p>loader</p>');
  });
});

import { once } from 'node:events';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Serving, serve } from '../../src/node/serve.js';
import { Workspace } from './workspace.js';

const served = async (files?: Record<string, string>, base = '/'): Promise<Serving & { workspace: Workspace }> => {
  const workspace = await Workspace.make(files);
  await workspace.published({ base });
  const serving = await serve({ out: workspace.path('out'), port: 0, base });
  onTestFinished(() => serving.close());
  return { ...serving, workspace };
};

/** Asks for a path as it is; `fetch` would resolve its dots first. */
const get = async (url: string, path: string, method = 'GET'): Promise<{ status: number | undefined; body: string }> => {
  const { hostname, port } = new URL(url);
  const asking = request({ hostname, port, path, method });
  asking.end();
  const [response] = await once(asking, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
};

const page = { headers: { accept: 'text/html,application/xhtml+xml' } };

describe('serve', () => {
  test('answers files with their types; targets may be kept, everything else is asked for again', async () => {
    const { url, workspace } = await served();
    const target = (await workspace.list()).find((path) => path.endsWith('.app.js')) as string;
    const expected = [
      ['', 'text/html; charset=utf-8', 'no-cache'],
      ['index.html', 'text/html; charset=utf-8', 'no-cache'],
      ['vouchsafe-worker.js', 'text/javascript; charset=utf-8', 'no-cache'],
      ['vouchsafe/metadata/timestamp.json', 'application/json', 'no-cache'],
      ['vouchsafe/metadata/1.root.json?x#y', 'application/json', 'no-cache'],
      [target, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ];
    for (const [path, type, caching] of expected) {
      const response = await fetch(url + path);
      expect([path, response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
        path,
        200,
        type,
        caching,
      ]);
      await response.arrayBuffer();
    }
  });

  test('sends a script that browsers keep compiled with exactly its signed headers, and others as ever', async () => {
    const big = `/*${'x'.repeat(2 ** 17)}*/`;
    const { url } = await served({ 'index.html': '<script src="big.js"></script>', 'big.js': big });
    const headersOf = async (path: string) => {
      const response = await fetch(url + path);
      await response.arrayBuffer();
      return Object.fromEntries([...response.headers].filter(([name]) => /^(content-(type|security-policy)|x-.*)$/.test(name)));
    };
    expect(await headersOf('big.js')).toEqual({
      'content-type': 'text/javascript; charset=utf-8',
      'content-security-policy': "object-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(await headersOf('vouchsafe-worker.js')).toEqual({ 'content-type': 'text/javascript; charset=utf-8' });
  });

  test.each([
    ['the next root', 'vouchsafe/metadata/2.root.json'],
    ['a file with an extension', 'assets/gone.js'],
    ['an extension that looks like a page', 'gone.html'],
  ])('%s that is not there is a 404 without a page', async (_, path) => {
    const { url } = await served();
    const response = await fetch(url + path, page);
    expect([response.status, await response.text()]).toEqual([404, 'Not found\n']);
  });

  test('an unknown path that a person opens is the loader page with status 404; for anything else there is no page', async () => {
    const { url } = await served();
    const opened = await fetch(`${url}deep/link?a.b=c`, page);
    expect([opened.status, opened.headers.get('content-type'), await opened.text()]).toEqual([
      404,
      'text/html; charset=utf-8',
      '<p data-base="/">Loading</p>',
    ]);
    expect(await (await fetch(`${url}deep/link`)).text()).toBe('Not found\n');
  });

  test('a folder is its index page, and no other page stands in for a name', async () => {
    const { url } = await served({ 'index.html': 'page', 'docs/index.html': 'docs', 'about.html': 'about' });
    expect((await fetch(`${url}docs/`)).status).toBe(200);
    expect((await fetch(`${url}about`)).status).toBe(404);
    expect((await fetch(`${url}about.html/`)).status).toBe(404);
  });

  test('finds targets whatever characters are in their names, compressed ones as they are', async () => {
    const { url, workspace } = await served({
      'index.html': '',
      'a@2x+b,c.png': 'at',
      '100%.txt': 'percent',
      'q?x#y.txt': 'q',
      'data.json.gz': 'gz',
      'ü.txt': 'ü',
    });
    for (const path of await workspace.list('out/vouchsafe/targets')) {
      const response = await fetch(`${url}vouchsafe/targets/${path.split('/').map(encodeURIComponent).join('/')}`);
      expect([path, response.status, response.headers.get('content-encoding')]).toEqual([path, 200, null]);
      expect(await response.text()).toBe(await workspace.read(`out/vouchsafe/targets/${path}`));
    }
  });

  test.each([
    '/../project/keys/root-1.json',
    '/..%2fproject/keys/root-1.json',
    '/%2e%2e/project/keys/root-1.json',
    '/..\\project\\keys\\root-1.json',
    '/vouchsafe%2fmetadata/timestamp.json',
    '/%00',
    '/%ff',
    '//vouchsafe/metadata/timestamp.json',
  ])('gives nothing for %s', async (path) => {
    const { url } = await served();
    expect((await get(url, path)).status).toBe(404);
  });

  test('answers HEAD without a body and refuses other methods', async () => {
    const { url } = await served();
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '28', '']);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  test('shows a new release at once', async () => {
    const { url, workspace } = await served();
    const version = async (): Promise<number> =>
      (await (await fetch(`${url}vouchsafe/metadata/timestamp.json`)).json()).signed.version;
    expect(await version()).toBe(1);
    await workspace.write('app', { 'app.js': 'new' });
    await workspace.publish();
    expect(await version()).toBe(2);
  });

  test('what has not changed is not sent again', async () => {
    const { url, workspace } = await served();
    const file = `${url}vouchsafe/metadata/timestamp.json`;
    const etag = (await fetch(file)).headers.get('etag') ?? '';
    const again = (tags: string) => fetch(file, { headers: { 'if-none-match': tags }, cache: 'no-store' });
    const kept = await again(`"other", W/${etag}`);
    expect([kept.status, kept.headers.get('etag'), await kept.text()]).toEqual([304, etag, '']);
    expect((await again('"other"')).status).toBe(200);
    await workspace.write('app', { 'app.js': 'new()' });
    await workspace.publish();
    const changed = await again(etag);
    expect([changed.status, (await changed.json()).signed.version]).toEqual([200, 2]);
  });

  test('serves under a base and nowhere else', async () => {
    const { url } = await served(undefined, '/docs/');
    expect(new URL(url).pathname).toBe('/docs/');
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(new URL('/', url))).status).toBe(404);
  });

  test('a port in use is a clear error', async () => {
    const { url, workspace } = await served();
    const port = Number(new URL(url).port);
    await expect(serve({ out: workspace.path('out'), port })).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(`${port}`),
    });
  });

  test.each(['app', 'gone'])('%s is no published site', async (folder) => {
    const workspace = await Workspace.make();
    await expect(serve({ out: workspace.path(folder), port: 0 })).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('a reader that goes away in the middle does not stop it', async () => {
    const { url, workspace } = await served({ 'index.html': '', 'big.bin': 'x'.repeat(8_000_000) });
    const target = (await workspace.list('out/vouchsafe/targets')).find((path) => path.endsWith('.big.bin'));
    const { hostname, port } = new URL(url);
    const socket = createConnection(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(`GET /vouchsafe/targets/${target} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    expect((await fetch(url)).status).toBe(200);
  });
});

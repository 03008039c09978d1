import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Violation } from '../../src/messages/messages.js';
import { Reporter } from '../../src/worker/reporter.js';

const SCOPE = new URL('https://app.test/sub/');

interface Received {
  readonly method: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

let server: Server;
let url: string;
let received: Received[];
let status: number;
let stored: Map<number, Violation>;
let lot: number;

const violation = (message: string, facts: Violation['facts'] = {}): Violation => ({
  code: 'mismatch',
  message,
  facts,
  time: Date.now() - 5000,
  during: 'request',
});
const reporter = (scope = SCOPE) =>
  new Reporter(scope, {
    unreported: async () => new Map(stored),
    markReported: async (keys) => {
      for (const key of keys) stored.delete(key);
    },
    lot: async () => lot,
  });
const send = (to = reporter(), samplePercent = 100, endpoint = url) => to.send({ url: endpoint, samplePercent }, '7-abc');
const bodies = () => received.map(({ body }) => JSON.parse(body) as { body: { message: string } }[]);

beforeEach(async () => {
  vi.stubGlobal('navigator', { userAgent: 'a browser' });
  received = [];
  status = 204;
  stored = new Map([[3, violation('first')]]);
  lot = 0;
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    received.push({ method: request.method, headers: request.headers, body: Buffer.concat(parts).toString() });
    response.writeHead(status, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  url = `http://localhost:${(server.address() as AddressInfo).port}/reports`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('Reporter', () => {
  test('sends what was not sent yet in the format of the Reporting API, once', async () => {
    // A fact that is called like one of ours does not take its place.
    stored.set(4, violation('second', { path: 'app.js', status: 200, ...{ code: 'forged' } }));
    await send();
    await send();
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/reports+json' } });
    expect(received[0]?.headers.referer).toBeUndefined();
    const reports = JSON.parse(received[0]?.body ?? '');
    expect(reports).toEqual([
      {
        type: 'vouchsafe-violation',
        age: expect.any(Number),
        url: 'https://app.test/sub/',
        user_agent: 'a browser',
        body: { code: 'mismatch', message: 'first', during: 'request', release: '7-abc' },
      },
      expect.objectContaining({
        body: { code: 'mismatch', message: 'second', during: 'request', release: '7-abc', path: 'app.js', status: 200 },
      }),
    ]);
    expect(reports[0].age).toBeGreaterThanOrEqual(5000);
    expect(reports[0].age).toBeLessThan(60_000);
  });

  test('neither cookies nor redirects', async () => {
    const asked = vi.spyOn(globalThis, 'fetch');
    status = 307;
    await send();
    expect(asked.mock.calls[0]?.[1]).toMatchObject({ credentials: 'omit', redirect: 'error', keepalive: true });
    expect(received).toHaveLength(1);
    expect(stored.size).toBe(1);
  });

  test('a hundred at once, and no more than 64 KiB', async () => {
    stored = new Map(Array.from({ length: 250 }, (_, i) => [i, violation(`${i}`)]));
    await send();
    expect(bodies().map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(
      bodies()
        .flat()
        .map(({ body }) => body.message),
    ).toEqual(Array.from({ length: 250 }, (_, i) => `${i}`));
    received = [];
    // Three bytes a character.
    stored = new Map(Array.from({ length: 30 }, (_, i) => [i, violation('€'.repeat(1000))]));
    stored.set(30, violation('x'.repeat(70_000)));
    await send();
    expect(bodies().flat()).toHaveLength(31);
    for (const { body } of received.slice(0, -1)) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536);
    expect(received.length).toBe(3);
    expect(stored.size).toBe(0);
  });

  test('what does not arrive is sent later, after a pause that grows to an hour', async () => {
    let now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now);
    const sender = reporter();
    status = 500;
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      received = [];
      await send(sender);
      now += minutes * 60_000 - 1;
      await send(sender);
      expect([minutes, received.length]).toEqual([minutes, 1]);
      now += 1;
    }
    expect(stored.size).toBe(1);
    status = 204;
    await send(sender);
    expect(stored.size).toBe(0);
    // And from a minute again.
    status = 500;
    stored.set(5, violation('later'));
    await send(sender);
    now += 60_000;
    received = [];
    await send(sender);
    expect(received).toHaveLength(1);
  });

  test('what arrived before a failure is not sent again', async () => {
    stored = new Map(Array.from({ length: 150 }, (_, i) => [i, violation(`${i}`)]));
    const mark = async (keys: readonly number[]) => {
      for (const key of keys) stored.delete(key);
      status = 500;
    };
    await send(new Reporter(SCOPE, { unreported: async () => new Map(stored), markReported: mark, lot: async () => 0 }));
    expect([...stored.keys()][0]).toBe(100);
  });

  test('says where it reports to: absolute, and only when it does', async () => {
    lot = 50;
    const endpointOf = (where: string, samplePercent = 100) => reporter().endpoint({ url: where, samplePercent });
    expect(await endpointOf('api/reports')).toBe('https://app.test/sub/api/reports');
    expect(await endpointOf('https://reports.test/')).toBe('https://reports.test/');
    expect(await endpointOf('http://reports.test/')).toBeUndefined();
    expect(await endpointOf('api/reports', 50)).toBeUndefined();
    expect(await reporter().endpoint(undefined)).toBeUndefined();
  });

  test('two calls at once send once', async () => {
    const sender = reporter();
    await Promise.all([send(sender), send(sender)]);
    expect(received).toHaveLength(1);
  });

  test('whether it reports is this client’s lot', async () => {
    for (const [drawn, percent, expected] of [
      [0, 0, 0],
      [0, 1, 1],
      [1, 1, 0],
      [49, 50, 1],
      [50, 50, 0],
      [99, 100, 1],
    ] as const) {
      received = [];
      stored = new Map([[1, violation('one')]]);
      lot = drawn;
      await send(reporter(), percent);
      expect([drawn, percent, received.length]).toEqual([drawn, percent, expected]);
    }
  });

  test('only to where nobody can listen: https, this origin, this machine', async () => {
    const asked = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response());
    const allowed = async (endpoint: string, scope = SCOPE) => {
      asked.mockClear();
      await send(reporter(scope), 100, endpoint);
      stored = new Map([[1, violation('one')]]);
      return asked.mock.calls.length === 1;
    };
    for (const endpoint of ['https://reports.test/', '/reports', 'http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]/'])
      expect([endpoint, await allowed(endpoint)]).toEqual([endpoint, true]);
    expect(await allowed('http://lan.test/reports', new URL('http://lan.test/'))).toBe(true);
    for (const endpoint of [
      'http://reports.test/',
      'http://localhost.test/',
      'http://my-localhost/',
      'ftp://reports.test/',
      'data:,',
      'http://:',
    ])
      expect([endpoint, await allowed(endpoint)]).toEqual([endpoint, false]);
  });

  test('nothing to send, nowhere to send it, or a store that fails: silence', async () => {
    await reporter().send(undefined, '7-abc');
    stored = new Map();
    await send();
    const fail = () => Promise.reject(new Error('no disk'));
    await send(new Reporter(SCOPE, { unreported: fail, markReported: fail, lot: fail }));
    expect(received).toEqual([]);
  });
});

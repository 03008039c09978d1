import { beforeEach, describe, expect, test } from 'vitest';
import type { VouchsafeError } from '../../src/tuf/errors.js';
import type { Updater } from '../../src/tuf/updater.js';
import { MemoryStore, RepositorySimulator } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const HOSTS = ['https://first.test', 'https://second.test'];

/** What a mirror does with a path; undefined for the honest answer. */
type Mirror = (path: string) => Response | Promise<Response> | undefined;

let simulator: RepositorySimulator;
let store: MemoryStore;
let mirrors: Mirror[];
let failures: VouchsafeError[];
let asked: string[];

/** A client of two mirrors of the simulator's repository. */
const client = (): Updater =>
  simulator.client(store, {
    metadataUrl: HOSTS.map((host) => `${host}/metadata/`),
    targetsUrl: HOSTS.map((host) => `${host}/targets/`),
    onMirrorFailure: (error) => failures.push(error),
    fetch: async (url, init) => {
      const { origin, pathname } = new URL(url);
      const mirror = HOSTS.indexOf(origin);
      asked.push(`${mirror + 1} ${pathname.replace(/^\/\w+\//, '').replace(/[0-9a-f]{64}/, '#')}`);
      return (await mirrors[mirror]?.(pathname)) ?? simulator.fetch(url, init);
    },
  });

const missing = () => new Response('no', { status: 404 });
const broken = () => new Response('no', { status: 500 });
const codes = () => failures.map(({ code, facts }) => `${code} ${facts.role ?? facts.path} ${new URL(facts.url ?? '').host}`);

beforeEach(async () => {
  simulator = await RepositorySimulator.create();
  store = new MemoryStore();
  mirrors = [() => undefined, () => undefined];
  failures = [];
  asked = [];
});

describe('A13: of two mirrors', () => {
  test('the first is asked, and the second only for what it may have newer', async () => {
    const updater = client();
    await updater.downloadTarget((await updater.findTarget('app.js')) as never);
    expect(asked).toEqual([
      '1 2.root.json',
      '2 2.root.json',
      '1 timestamp.json',
      '2 timestamp.json',
      '1 1.snapshot.json',
      '1 1.targets.json',
      '1 #.app.js',
    ]);
    expect(failures).toEqual([]);
  });

  test.each([
    ['is down', broken, 'unreachable'],
    ['has nothing', missing, 'unreachable'],
    ['sends something else', () => new Response('{}'), undefined],
    ['does not answer', () => Promise.reject(new TypeError('connection refused')), 'unreachable'],
  ] as const)('one that %s is passed over and reported, whichever it is', async (_, answer, code) => {
    for (const bad of [0, 1]) {
      failures = [];
      store = new MemoryStore();
      mirrors = [() => undefined, () => undefined];
      mirrors[bad] = (path) => (path.includes('root') ? undefined : answer());
      const updater = client();
      const target = await updater.findTarget('app.js');
      expect(await updater.downloadTarget(target as never)).toEqual(simulator.targets.get('app.js'));
      const host = new URL(HOSTS[bad] ?? '').host;
      // Having failed, it is asked last; a server that has nothing is no slower for it.
      const roles =
        bad === 0 && answer === missing
          ? ['timestamp', 'snapshot', 'targets', 'app.js']
          : bad === 0
            ? ['timestamp', 'app.js']
            : ['timestamp'];
      expect(codes().map((text) => text.split(' ').slice(1))).toEqual(roles.map((role) => [role, host]));
      if (code) expect(new Set(failures.map((failure) => failure.code))).toEqual(new Set([code]));
    }
  });

  test('one that withholds a root does not end the chain', async () => {
    await simulator.rotate({});
    mirrors[0] = (path) => (path.includes('root') ? missing() : undefined);
    expect((await client().refresh()).root.version).toBe(2);
    expect(codes()).toEqual(['unreachable root first.test']);
  });

  test('one that says that there is no newer root is believed when the other is down', async () => {
    mirrors[0] = broken;
    expect((await client().refresh()).root.version).toBe(1);
    expect(codes()[0]).toBe('unreachable root first.test');
  });

  test('one that holds back the newer release cannot hold the client back', async () => {
    const before = new Map(simulator.files);
    await simulator.release({ 'app.js': 'newer' });
    mirrors[0] = (path) => {
      const bytes = before.get(path);
      return bytes ? new Response(bytes.slice()) : missing();
    };
    const { timestamp } = await client().refresh();
    expect(timestamp?.version).toBe(2);
    // It only says what everybody has seen already, until it is asked for what the newer timestamp lists.
    expect(codes()).toEqual(['unreachable snapshot first.test', 'unreachable targets first.test']);
    // Once the newer timestamp is trusted, the older one is a rollback.
    failures = [];
    await client().refresh();
    expect(codes()).toEqual(['rollback timestamp first.test']);
  });

  test('one that serves altered bytes is asked last from then on', async () => {
    mirrors[0] = (path) => (path.includes('app.js') ? new Response('eno') : undefined);
    const updater = client();
    const target = await updater.findTarget('app.js');
    await updater.downloadTarget(target as never);
    const other = await updater.findTarget('style.css');
    await updater.downloadTarget(other as never);
    expect(codes()).toEqual(['mismatch app.js first.test']);
    expect(asked.slice(-1)).toEqual(['2 #.style.css']);
    mirrors[1] = broken;
    expect(await updater.downloadTarget(other as never)).toEqual(simulator.targets.get('style.css'));
    expect(asked.slice(-2)).toEqual(['2 #.style.css', '1 #.style.css']);
  });

  test('both that fail make a refusal: what the first was refused for, and a report of the other', async () => {
    mirrors = [
      (path) => (path.includes('snapshot') ? new Response('{}') : undefined),
      (path) => (path.includes('snapshot') ? broken() : undefined),
    ];
    await expect(client().refresh()).rejects.toEqual(
      refusal('mismatch', { role: 'snapshot', version: 1, url: 'https://first.test/metadata/1.snapshot.json' }),
    );
    expect(codes()).toEqual(['unreachable snapshot second.test']);
    expect(store.saved).toEqual(['timestamp']);
    mirrors = [() => undefined, () => undefined];
    await client().refresh();
    expect(store.saved).toEqual(['timestamp', 'snapshot', 'targets']);
  });

  test('a store that fails is no failure of a mirror: the refresh ends there', async () => {
    store.saveRole = () => Promise.reject(new DOMException('the disk is full', 'QuotaExceededError'));
    await expect(client().refresh()).rejects.toThrow('the disk is full');
    expect(asked.filter((request) => request.includes('snapshot'))).toEqual([]);
    expect(failures).toEqual([]);
  });

  test('there must be at least one', () => {
    expect(() => simulator.client(store, { metadataUrl: [] })).toThrow(TypeError);
  });
});

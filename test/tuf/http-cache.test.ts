import { beforeEach, describe, expect, test } from 'vitest';
import type { FetchFunction } from '../../src/tuf/download.js';
import type { VouchsafeError } from '../../src/tuf/errors.js';
import type { Updater, UpdaterOptions } from '../../src/tuf/updater.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

let simulator: RepositorySimulator;
let store: MemoryStore;
let failures: VouchsafeError[];
let asked: string[];
/** What the cache between the client and the server answers, by URL path; `reload` passes it by. */
let cached: Map<string, () => Response>;

const fetch: FetchFunction = async (url, init) => {
  const { pathname } = new URL(url);
  asked.push(`${pathname.replace(/^\/\w+\//, '').replace(/[0-9a-f]{64}/, '#')} ${init.cache}`);
  const answer = init.cache === 'reload' ? undefined : cached.get(pathname);
  return answer ? answer() : simulator.fetch(url, init);
};

const client = (options: Partial<UpdaterOptions> = {}): Updater =>
  simulator.client(store, { fetch, hasHttpCache: true, onMirrorFailure: (error) => failures.push(error), ...options });

/** Downloads `app.js`. */
async function download(updater = client()): Promise<Uint8Array> {
  const target = await updater.findTarget('app.js');
  if (!target) throw new Error('it is listed');
  return updater.downloadTarget(target);
}

const pathOf = (name: string) => [...simulator.files.keys()].find((path) => path.endsWith(name)) ?? name;
const codes = () => failures.map(({ code }) => code);

beforeEach(async () => {
  simulator = await RepositorySimulator.create();
  store = new MemoryStore();
  failures = [];
  asked = [];
  cached = new Map();
});

describe('C16: the HTTP cache', () => {
  test('is asked to make sure of metadata, and believed for names with a hash', async () => {
    await download();
    expect(asked).toEqual([
      '2.root.json no-cache',
      'timestamp.json no-cache',
      '1.snapshot.json no-cache',
      '1.targets.json no-cache',
      '#.app.js default',
    ]);
    expect(failures).toEqual([]);
  });

  test('is asked to make sure of a target without a hash in its name', async () => {
    const updater = client();
    const target = await updater.findTarget('app.js');
    simulator.files.set('/targets/app.js', utf8('one'));
    expect(await updater.downloadTarget(target as never, false)).toEqual(utf8('one'));
    expect(asked.at(-1)).toBe('app.js no-cache');
  });

  test.each([
    ['other bytes', () => new Response('eno'), 'mismatch'],
    ['more bytes', () => new Response('eno eno'), 'too-long'],
    ['that there is no such file', () => new Response('no', { status: 404 }), 'unreachable'],
    ['a redirect', () => new Response(null, { status: 301 }), 'redirected'],
  ])('that has %s for a target is passed by', async (_, answer, code) => {
    cached.set(pathOf('.app.js'), answer);
    expect(await download()).toEqual(utf8('one'));
    expect(asked.slice(-2)).toEqual(['#.app.js default', '#.app.js reload']);
    // Worth a report, since somebody put it there.
    expect(codes()).toEqual([code]);
  });

  test.each(['timestamp.json', '1.snapshot.json', '1.targets.json'])('that has a broken %s is passed by', async (name) => {
    cached.set(`/metadata/${name}`, () => new Response('{}'));
    await client().refresh();
    expect(asked).toContain(`${name} reload`);
    expect(failures).toHaveLength(1);
  });

  test('that has a timestamp from before, or one that has expired, is passed by', async () => {
    const before = simulator.current('timestamp').slice();
    await simulator.release({ 'app.js': 'newer' });
    await client().refresh();
    cached.set('/metadata/timestamp.json', () => new Response(before));
    await client().refresh();
    simulator.now += 8 * 86_400_000;
    await simulator.publish();
    store = new MemoryStore();
    await client().refresh();
    expect(codes()).toEqual(['rollback', 'expired']);
  });

  test('is not to blame when the server says the same', async () => {
    simulator.files.set(pathOf('.app.js'), utf8('eno'));
    await expect(download()).rejects.toEqual(refusal('mismatch', { path: 'app.js' }));
    expect(asked.filter((request) => request.includes('app.js'))).toEqual(['#.app.js default', '#.app.js reload']);
    expect(failures).toEqual([]);
  });

  test('what was refused stays the reason when the server is silent then', async () => {
    cached.set(pathOf('.app.js'), () => new Response('eno'));
    simulator.answer = (path) => (path.includes('app.js') ? Promise.reject(new TypeError('offline')) : undefined);
    await expect(download()).rejects.toEqual(refusal('mismatch', { path: 'app.js' }));
  });

  test('has no part in what came from the server just now: that a root is missing, an error, silence', async () => {
    await client().refresh();
    expect(asked.filter((request) => request.includes('root'))).toEqual(['2.root.json no-cache']);
    for (const answer of [() => new Response('no', { status: 500 }), () => Promise.reject(new TypeError('offline'))]) {
      asked = [];
      simulator.answer = (path) => (path.includes('timestamp') ? answer() : undefined);
      await expect(client().refresh()).rejects.toEqual(refusal('unreachable'));
      expect(asked.filter((request) => request.includes('timestamp'))).toEqual(['timestamp.json no-cache']);
    }
  });

  test('where there is none, nothing is asked for twice', async () => {
    simulator.files.set(pathOf('.app.js'), utf8('eno'));
    await expect(download(client({ hasHttpCache: false }))).rejects.toEqual(refusal('mismatch'));
    expect(asked.filter((request) => request.includes('app.js'))).toEqual(['#.app.js default']);
  });
});

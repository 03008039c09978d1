import { beforeEach, describe, expect, test } from 'vitest';
import type { FetchResponse } from '../../src/tuf/download.js';
import type { VouchsafeError } from '../../src/tuf/errors.js';
import type { TargetFile } from '../../src/tuf/file.js';
import { targetLocation } from '../../src/tuf/layout.js';
import type { Updater } from '../../src/tuf/updater.js';
import { MemoryStore, RepositorySimulator, testSigner, utf8 } from '../repository-simulator.js';
import { delegateTo, fetchText, publishTree, putFiles, roleMetadata } from './delegation-tree.js';
import { refusal } from './refusal.js';

let repository: RepositorySimulator;
let store: MemoryStore;

beforeEach(async () => {
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
});

async function find(client: Updater, path: string): Promise<TargetFile> {
  const target = await client.findTarget(path);
  if (!target) throw new Error(`${path} is listed`);
  return target;
}

describe('A2: a file that is not listed', () => {
  test('is not found, and the server that has it is not asked for it', async () => {
    for (const path of ['evil.js', 'app.js.map', 'app.js/', 'APP.JS', 'app.j', 'targets']) {
      repository.files.set(`/targets/${path}`, utf8('evil'));
      expect(await repository.client(store).findTarget(path), path).toBeUndefined();
    }
    expect(repository.requests.filter((path) => path.startsWith('/targets/'))).toEqual([]);
    expect(await fetchText(repository.client(store), 'app.js')).toBe('one');
  });
});

describe('A6: the last release’s valid file in the place of this release’s', () => {
  const OLDER = { 'same length': 'old', shorter: 'o', longer: 'the older one' };

  for (const [how, older] of Object.entries(OLDER)) {
    for (const consistent of [true, false]) {
      test(`is refused, and its hash named: ${how}, ${consistent ? 'with' : 'without'} consistent snapshots`, async () => {
        if (!consistent) repository.put('2.root.json', await repository.forge('root', { version: 2, consistent_snapshot: false }));
        const release = async (text: string) => {
          await repository.release({ 'app.js': text, 'style.css': 'two' });
          repository.put('snapshot.json', repository.current('snapshot'));
          repository.put('targets.json', repository.current('targets'));
        };
        await release(older);
        const before = await find(repository.client(store), 'app.js');
        await release('new');
        const client = repository.client(store);
        const target = await find(client, 'app.js');
        const name = targetLocation(target, consistent);
        repository.files.set(`/targets/${name}`, utf8(older));
        const facts = { path: 'app.js', url: `https://repository.test/targets/${name}` };
        const expected = `sha256 ${target.hashes.sha256}, 3 bytes`;
        // With room for the older file, so that the refusal can say what came.
        const refused = client.downloadTarget(target, undefined, 100);
        const actual = `sha256 ${before.hashes.sha256}, ${older.length} bytes`;
        await expect(refused).rejects.toEqual(refusal('mismatch', { ...facts, expected, actual }));
        await expect(client.downloadTarget(target)).rejects.toEqual(
          refusal(older.length > 3 ? 'too-long' : 'mismatch', { ...facts, expected }),
        );
        // Nor does a restart help the server.
        await expect(fetchText(repository.client(store), 'app.js')).rejects.toEqual(
          refusal(older.length > 3 ? 'too-long' : 'mismatch'),
        );
        repository.files.set(`/targets/${name}`, utf8('new'));
        expect(await fetchText(client, 'app.js')).toBe('new');
      });
    }
  }
});

describe('A14: a target that the newest metadata lists no longer', () => {
  test('is not found, by a client that had it and by its successor', async () => {
    const client = repository.client(store);
    expect(await fetchText(client, 'app.js')).toBe('one');
    await repository.release({ 'style.css': 'two' });
    await client.refresh();
    repository.requests.length = 0;
    for (const by of [client, repository.client(store)]) expect(await by.findTarget('app.js')).toBeUndefined();
    expect(repository.requests.filter((path) => path.startsWith('/targets/'))).toEqual([]);
    expect(await fetchText(client, 'style.css')).toBe('two');
  });
});

describe('A13: a malicious mirror of two', () => {
  const HOSTS = ['https://bad.test', 'https://good.test'];
  const LIMITS = { window: 400, deadline: 10_000, rootLength: 20_000, timestampLength: 20_000 };
  /** What it does with an honest answer. */
  const LIES: Readonly<Record<string, { code: string; lie: (bytes: Uint8Array) => FetchResponse | Promise<FetchResponse> }>> = {
    'never answers': { code: 'too-slow', lie: () => new Promise<never>(() => {}) },
    'never ends': { code: 'too-long', lie: () => endless() },
    'sends people elsewhere': { code: 'redirected', lie: () => new Response(null, { status: 302 }) },
    'sends one byte less': { code: 'malformed mismatch', lie: (bytes) => new Response(bytes.slice(0, -1)) },
    'flips one bit': { code: 'malformed mismatch unsigned', lie: (bytes) => new Response(flipped(bytes)) },
  };

  function endless(): Response {
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(5_000)) }));
  }

  function flipped(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    return copy;
  }

  /** A client that asks the mirrors in this order. The bad one lies about every file that there is. */
  function client(hosts: readonly string[], lie: (typeof LIES)[string]['lie'], failures: VouchsafeError[]): Updater {
    return repository.client(store, {
      metadataUrl: hosts.map((host) => `${host}/metadata/`),
      targetsUrl: hosts.map((host) => `${host}/targets/`),
      limits: LIMITS,
      onMirrorFailure: (error) => failures.push(error),
      fetch: async (url, init) => {
        const { origin, pathname } = new URL(url);
        const bytes = repository.files.get(pathname);
        return bytes && origin === 'https://bad.test' ? lie(bytes) : repository.fetch(url, init);
      },
    });
  }

  for (const [what, { code, lie }] of Object.entries(LIES)) {
    for (const hosts of [HOSTS, [...HOSTS].reverse()]) {
      const isFirst = hosts[0] === 'https://bad.test';
      test(`that ${what}, asked ${isFirst ? 'first' : 'last'}: the other is used, and it is reported`, async () => {
        const plugin = { 'plugin.js': 'plugin' };
        const signers = [await testSigner(101)];
        await repository.rotate({});
        await publishTree(repository, delegateTo({ name: 'plugins', signers }), {
          plugins: await roleMetadata(1, plugin, signers),
        });
        await putFiles(repository, plugin);
        const failures: VouchsafeError[] = [];
        expect(await fetchText(client(hosts, lie, failures), 'plugin.js')).toBe('plugin');
        expect(store.saved).toEqual(['root 2', 'timestamp', 'snapshot', 'targets', 'plugins']);
        for (const [role, bytes] of store.roles) {
          const version = role === 'timestamp' ? '' : `${store.version(role)}.`;
          expect(bytes, role).toEqual(repository.files.get(`/metadata/${version}${role}.json`));
        }
        for (const failure of failures) {
          expect(code.split(' ')).toContain(failure.code);
          expect(failure.facts.url).toMatch(/^https:\/\/bad\.test\//);
        }
        // Asked last once it has failed, so not for every file. The timestamp is asked of both.
        const reported = failures.map(({ facts }) => facts.role ?? facts.path);
        expect(reported).toEqual(isFirst ? ['root', 'timestamp', 'plugin.js'] : ['timestamp']);
      });
    }
  }
});

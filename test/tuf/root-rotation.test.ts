import { describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { MemoryStore, RepositorySimulator, START, signedPart, testSigner } from '../repository-simulator.js';
import { refusal } from './refusal.js';

/** A root that names other root keys, signed by whom the test says. */
async function takeover(signers: (old: Signer[], stranger: Signer) => Signer[]) {
  const repository = await RepositorySimulator.create({ root: 2 });
  const stranger = await testSigner(99);
  const { keys, roles } = signedPart(repository.root);
  const forged = await repository.forge(
    'root',
    {
      version: 2,
      keys: { ...(keys as JsonObject), [stranger.keyid]: stranger.key },
      roles: { ...(roles as JsonObject), root: { keyids: [stranger.keyid], threshold: 1 } },
    },
    signers(repository.signers.root, stranger),
  );
  repository.put('2.root.json', forged);
  return { repository, store: new MemoryStore() };
}

describe('A11: root rotation', () => {
  test('not signed by the old threshold is refused', async () => {
    for (const signers of [
      (_: Signer[], stranger: Signer) => [stranger],
      (old: Signer[], stranger: Signer) => [...old.slice(0, 1), stranger],
    ]) {
      const { repository, store } = await takeover(signers);
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unsigned', { role: 'root', version: 2 }));
      expect(store.saved).toEqual([]);
      repository.files.delete('/metadata/2.root.json');
      await repository.client(store).refresh();
    }
  });

  test('not signed by the new threshold is refused', async () => {
    const { repository, store } = await takeover((old) => old);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unsigned', { role: 'root', version: 2 }));
    expect(store.saved).toEqual([]);
  });

  test('signed by both is taken', async () => {
    const { repository, store } = await takeover((old, stranger) => [...old, stranger]);
    expect((await repository.client(store).refresh()).root.version).toBe(2);
    expect(store.saved[0]).toBe('root 2');
  });

  test('that skips a version is refused', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    repository.put('2.root.json', await repository.forge('root', { version: 3 }));
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('mismatch', { role: 'root', expected: 'version 2', actual: 'version 3' }),
    );
    expect(store.saved).toEqual([]);
  });

  test('to the same version with other content, or a lower one, is refused', async () => {
    const repository = await RepositorySimulator.create();
    const old = repository.files.get('/metadata/1.root.json') as Uint8Array;
    await repository.rotate({});
    const store = new MemoryStore();
    await repository.client(store).refresh();
    store.saved.length = 0;
    repository.put('3.root.json', await repository.forge('root', { version: 2, expires: '2039-01-01T00:00:00Z' }));
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'root', actual: 'version 2' }));
    repository.put('3.root.json', old);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'root', actual: 'version 1' }));
    expect(store.saved).toEqual([]);
  });

  test('walks the whole chain, key by key', async () => {
    const repository = await RepositorySimulator.create();
    for (let i = 0; i < 5; i++)
      await repository.rotate({ root: [await testSigner(100 + i)], timestamp: [await testSigner(120 + i)] });
    await repository.publish();
    const store = new MemoryStore();
    expect((await repository.client(store).refresh()).root.version).toBe(6);
    expect(store.saved.filter((name) => name.startsWith('root'))).toEqual(['root 2', 'root 3', 'root 4', 'root 5', 'root 6']);
    // The next start rebuilds trust from the first root alone.
    repository.requests.length = 0;
    expect((await repository.client(store).refresh()).root.version).toBe(6);
    expect(repository.requests[0]).toBe('/metadata/7.root.json');
    // The stored chain is not believed: with a link missing, the rest is no use.
    store.roots.delete(4);
    repository.requests.length = 0;
    await repository.client(store).refresh();
    expect(repository.requests.slice(0, 4)).toEqual([4, 5, 6, 7].map((version) => `/metadata/${version}.root.json`));
  });

  test('a forged root in the store is passed over', async () => {
    const { repository, store } = await takeover((_, stranger) => [stranger]);
    store.roots.set(2, repository.files.get('/metadata/2.root.json') as Uint8Array);
    repository.files.delete('/metadata/2.root.json');
    expect((await repository.client(store).refresh()).root.version).toBe(1);
  });

  test('ends at a 404 or a 403, and at nothing else', async () => {
    const repository = await RepositorySimulator.create();
    const answers = new Map<number, 'ends' | 'unreachable' | 'redirected'>([
      [404, 'ends'],
      [403, 'ends'],
      [400, 'unreachable'],
      [401, 'unreachable'],
      [410, 'unreachable'],
      [429, 'unreachable'],
      [500, 'unreachable'],
      [503, 'unreachable'],
      [204, 'unreachable'],
      [206, 'unreachable'],
      [301, 'redirected'],
      [307, 'redirected'],
    ]);
    for (const [status, outcome] of answers) {
      repository.answer = (path) => (path.endsWith('root.json') ? new Response(null, { status }) : undefined);
      const refreshed = repository.client().refresh();
      if (outcome === 'ends') expect((await refreshed).root.version).toBe(1);
      else await expect(refreshed).rejects.toEqual(refusal(outcome, { role: 'root', version: 2, status }));
    }
    repository.answer = () => Promise.reject(new TypeError('Failed to fetch'));
    await expect(repository.client().refresh()).rejects.toEqual(
      refusal('unreachable', { role: 'root', url: 'https://repository.test/metadata/2.root.json' }),
    );
  });

  test('A9: a program that brings the root that replaces a stolen key recovers as by the chain', async () => {
    const high = Number.MAX_SAFE_INTEGER;
    for (const [name, isBroughtBy] of [
      ['the program', (repository: RepositorySimulator) => ({ root: repository.root })],
      ['the repository', () => ({})],
    ] as const) {
      const repository = await RepositorySimulator.create();
      const store = new MemoryStore();
      await repository.client(store).refresh();
      await repository.serve({ snapshot: await repository.forge('snapshot', { version: high }) });
      // The publisher's timestamp role signs whatever snapshot it finds.
      repository.put('timestamp.json', await repository.forge('timestamp', { version: 2 }));
      await repository.client(store).refresh();
      expect(store.version('snapshot'), name).toBe(high);

      await repository.rotate({ snapshot: [await testSigner(200)] });
      await repository.serve({ snapshot: await repository.forge('snapshot', { version: 2 }) });
      repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
      const { snapshot } = await repository.client(store, isBroughtBy(repository)).refresh();
      expect(snapshot?.version, name).toBe(2);
      expect(store.saved, name).toContain('discard snapshot');
      // Once is enough: the versions that are trusted since are remembered.
      store.saved.length = 0;
      await repository.client(store, isBroughtBy(repository)).refresh();
      expect(store.saved, name).toEqual([]);
    }
  });

  test('a 404 for anything but the next root is no answer', async () => {
    for (const [file, role] of [
      ['timestamp.json', 'timestamp'],
      ['1.snapshot.json', 'snapshot'],
      ['1.targets.json', 'targets'],
    ] as const) {
      const repository = await RepositorySimulator.create();
      repository.files.delete(`/metadata/${file}`);
      await expect(repository.client().refresh()).rejects.toEqual(refusal('unreachable', { role, status: 404 }));
    }
  });

  test('takes no more rotations in one refresh than the limit, and goes on at the next', async () => {
    const repository = await RepositorySimulator.create();
    for (let i = 0; i < 5; i++) await repository.rotate({});
    const store = new MemoryStore();
    const client = () => repository.client(store, { limits: { rootRotations: 3 } });
    expect((await client().refresh()).root.version).toBe(4);
    expect(repository.requests.filter((path) => path.endsWith('root.json'))).toHaveLength(3);
    expect((await client().refresh()).root.version).toBe(6);
  });

  test('comes before the timestamp', async () => {
    const repository = await RepositorySimulator.create();
    await repository.rotate({});
    const trusted = await TrustedMetadata.fromRoot(repository.files.get('/metadata/1.root.json') as Uint8Array, START);
    await expect(trusted.loadTargets(repository.current('targets'))).rejects.toThrow('comes first');
    await trusted.updateTimestamp(repository.current('timestamp'));
    await expect(trusted.updateRoot(repository.root)).rejects.toThrow('before the timestamp');
    expect(trusted.root.version).toBe(1);
  });
});

describe('formats', () => {
  test('any specification of version 1 is taken, others are unsupported', async () => {
    const repository = await RepositorySimulator.create();
    for (const version of ['1.0', '1.0.0', '1.0.31', '1.7.2']) {
      repository.put('timestamp.json', await repository.forge('timestamp', { spec_version: version }));
      await repository.client().refresh();
    }
    for (const version of ['2.0.0', '0.9', '10.0.0', '1', '1.', '1.0.0.0', '1.x', '', ' 1.0']) {
      repository.put('timestamp.json', await repository.forge('timestamp', { spec_version: version }));
      await expect(repository.client().refresh(), version).rejects.toEqual(refusal('unsupported', { role: 'timestamp' }));
    }
    repository.put('timestamp.json', await repository.forge('timestamp', { spec_version: 1 }));
    await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed'));
  });

  test('versions are integers from 1 to 2^53 - 1', async () => {
    const repository = await RepositorySimulator.create();
    for (const version of [0, -1, '1', null, true, [1]]) {
      repository.put('timestamp.json', await repository.forge('timestamp', { version }));
      await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'timestamp' }));
    }
    repository.put('timestamp.json', await repository.forge('timestamp', { version: Number.MAX_SAFE_INTEGER }));
    expect((await repository.client().refresh()).timestamp?.version).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('a root without one of the top-level roles, or with fields of other types, is malformed', async () => {
    const repository = await RepositorySimulator.create();
    const { roles } = signedPart(repository.root) as { roles: JsonObject };
    const without = Object.fromEntries(Object.entries(roles).filter(([role]) => role !== 'snapshot'));
    for (const change of [{ roles: without }, { roles: [] }, { keys: null }, { consistent_snapshot: 1 }, { _type: 'Root' }]) {
      const forged = await repository.forge('root', { version: 2, ...change });
      repository.put('2.root.json', forged);
      await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'root' }));
    }
  });

  test('fields that this client does not know survive in what is saved', async () => {
    const repository = await RepositorySimulator.create();
    const forged = await repository.forge('timestamp', { version: 2, 'x-unknown': { b: [1], a: 'é' } });
    repository.put('timestamp.json', forged);
    const store = new MemoryStore();
    expect((await repository.client(store).refresh()).timestamp?.signed).toHaveProperty('x-unknown');
    expect(store.roles.get('timestamp')).toEqual(forged);
  });

  test('repositories without consistent snapshots have files without versions and hashes in their names', async () => {
    const repository = await RepositorySimulator.create();
    repository.put('2.root.json', await repository.forge('root', { version: 2, consistent_snapshot: false }));
    repository.put('snapshot.json', repository.current('snapshot'));
    repository.put('targets.json', repository.current('targets'));
    repository.files.set('/targets/app.js', new TextEncoder().encode('one'));
    const client = repository.client();
    const target = await client.findTarget('app.js');
    expect(target && (await client.downloadTarget(target)).length).toBe(3);
    expect(repository.requests).toEqual([
      '/metadata/2.root.json',
      '/metadata/3.root.json',
      '/metadata/timestamp.json',
      '/metadata/snapshot.json',
      '/metadata/targets.json',
      '/targets/app.js',
    ]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Targets } from '../../src/tuf/targets.js';
import type { MetadataStore } from '../../src/tuf/updater.js';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { refusal } from './refusal.js';

/** A client's view of a store that dies at the given write, before or after it is done, as a killed worker does. */
function dying(store: MemoryStore, writes: number, moment: 'before' | 'after'): MetadataStore {
  let left = writes;
  const live = async (write: () => Promise<void>): Promise<void> => {
    const isLast = left-- === 0;
    if (!isLast || moment === 'after') await write();
    if (isLast) throw new Error('killed');
  };
  return {
    loadRoot: (version) => store.loadRoot(version),
    loadRole: (role) => store.loadRole(role),
    saveRoot: (version, bytes, discard) => live(() => store.saveRoot(version, bytes, discard)),
    saveRole: (role, bytes) => live(() => store.saveRole(role, bytes)),
  };
}

describe('each role is saved as soon as it is trusted', () => {
  test('a missing snapshot leaves the newer timestamp and the older snapshot, and the next refresh goes on from there', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.release({ 'app.js': 'new' });
    const snapshot = repository.current('snapshot');
    repository.files.delete('/metadata/2.snapshot.json');
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('unreachable', { role: 'snapshot', version: 2, status: 404 }),
    );
    expect([store.version('timestamp'), store.version('snapshot'), store.version('targets')]).toEqual([2, 1, 1]);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unreachable', { role: 'snapshot' }));
    repository.put('2.snapshot.json', snapshot);
    store.saved.length = 0;
    await repository.client(store).refresh();
    expect(store.saved).toEqual(['snapshot', 'targets']);
  });

  test('a snapshot that never arrives does not freeze the client: a newer timestamp is taken', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.release({ 'app.js': 'lost' });
    repository.files.delete('/metadata/2.snapshot.json');
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unreachable'));
    await repository.release({ 'app.js': 'found' });
    expect((await repository.client(store).refresh()).snapshot?.version).toBe(3);
  });

  test('what is saved is what was received, byte for byte', async () => {
    const repository = await RepositorySimulator.create();
    const spaced = new TextEncoder().encode(
      `  ${new TextDecoder().decode(repository.current('timestamp')).replace(/,/g, ' ,\n ')} `,
    );
    repository.put('timestamp.json', spaced);
    const store = new MemoryStore();
    await repository.client(store).refresh();
    expect(store.roles.get('timestamp')).toEqual(spaced);
  });

  for (const moment of ['before', 'after'] as const) {
    test(`killed ${moment} any write, the next refresh completes`, async () => {
      for (let writes = 0; writes < 5; writes++) {
        const repository = await RepositorySimulator.create();
        await repository.rotate({ timestamp: [await testSigner(150)] });
        await repository.rotate({ snapshot: [await testSigner(151)] });
        await repository.publish();
        const store = new MemoryStore();
        await expect(repository.client(dying(store, writes, moment)).refresh()).rejects.toThrow('killed');
        const trusted = await repository.client(store).refresh();
        expect([trusted.root.version, trusted.timestamp?.version, trusted.targets?.version]).toEqual([3, 2, 1]);
        expect(store.roles.get('targets')).toEqual(repository.current('targets'));
      }
    });
  }
});

describe('two refreshes at once', () => {
  test('are one', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    const client = repository.client(store);
    const [one, two] = await Promise.all([client.refresh(), client.refresh(), client.findTarget('app.js')]);
    expect(one).toBe(two);
    expect(store.saved).toEqual(['timestamp', 'snapshot', 'targets']);
    expect(repository.requests).toHaveLength(4);
    expect(await client.refresh()).not.toBe(one);
  });

  test('a failed one does not stay', async () => {
    const repository = await RepositorySimulator.create();
    const client = repository.client();
    repository.answer = () => Promise.reject(new TypeError('offline'));
    await expect(Promise.all([client.refresh(), client.refresh()])).rejects.toEqual(refusal('unreachable'));
    repository.answer = undefined;
    await client.refresh();
  });

  test('a failed one leaves what was trusted', async () => {
    const repository = await RepositorySimulator.create();
    const client = repository.client();
    await client.refresh();
    repository.answer = (path) => (path.startsWith('/metadata/') ? Promise.reject(new TypeError('offline')) : undefined);
    await expect(client.refresh()).rejects.toEqual(refusal('unreachable'));
    const target = await client.findTarget('app.js');
    expect(target && (await client.downloadTarget(target)).length).toBe(3);
  });
});

describe('properties', () => {
  test('A1: one flipped bit anywhere in any signed document is refused, and nothing of it is saved', async () => {
    const repository = await RepositorySimulator.create();
    await repository.rotate({});
    const files = [
      ['2.root.json', repository.root, 'root 2'],
      ['timestamp.json', repository.current('timestamp'), 'timestamp'],
      ['1.snapshot.json', repository.current('snapshot'), 'snapshot'],
      ['1.targets.json', repository.current('targets'), 'targets'],
    ] as const;
    // Without listed hashes, so that the signature alone must notice.
    const bare = await RepositorySimulator.create();
    await bare.serve({ snapshot: await bare.forge('snapshot', { meta: { 'targets.json': { version: 1 } } }) });
    bare.put('timestamp.json', await bare.forge('timestamp', { meta: { 'snapshot.json': { version: 1 } } }));
    const bareFiles = [
      ['1.snapshot.json', bare.current('snapshot'), 'snapshot'],
      ['1.targets.json', bare.current('targets'), 'targets'],
    ] as const;
    const cases = [...files.map((file) => [repository, ...file] as const), ...bareFiles.map((file) => [bare, ...file] as const)];
    for (const [server, name, bytes, saved] of cases) {
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
          const flipped = bytes.slice();
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          server.put(name, flipped);
          const store = new MemoryStore();
          await expect(server.client(store).refresh()).rejects.toHaveProperty('name', 'VouchsafeError');
          expect(store.saved).not.toContain(saved);
        }),
        { numRuns: 120 },
      );
      server.put(name, bytes);
      await server.client().refresh();
    }
  });

  test('whatever happens, in whatever order, versions never go back and what is trusted existed together', async () => {
    const event = fc.constantFrom('release', 'rotate', 'refresh', 'replay', 'lose', 'kill', 'day');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(event, fc.nat(30)), { minLength: 5, maxLength: 25 }), async (events) => {
        const repository = await RepositorySimulator.create();
        const store = new MemoryStore();
        const history = [new Map(repository.files)];
        let newest = { root: 0, timestamp: 0, snapshot: 0, targets: 0 };
        const refresh = async (view: MetadataStore) => {
          const { root, timestamp, snapshot, targets } = await repository.client(view).refresh();
          if (!timestamp || !snapshot || !targets) throw new Error('a refresh brings all of them');
          expect(timestamp.snapshot.version).toBe(snapshot.version);
          expect(snapshot.metaFile('targets').version).toBe(targets.version);
          expect(Math.min(timestamp.expires, snapshot.expires, targets.expires)).toBeGreaterThan(repository.now);
          const now = { root: root.version, timestamp: timestamp.version, snapshot: snapshot.version, targets: targets.version };
          for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const)
            expect(now[role]).toBeGreaterThanOrEqual(newest[role]);
          newest = now;
        };
        for (const [i, [name, choice]] of events.entries()) {
          if (name === 'day') repository.now += 86_400_000;
          else if (name === 'release') await repository.release({ 'app.js': `release ${i}` });
          else if (name === 'rotate') {
            await repository.rotate({ targets: [await testSigner(160 + (i % 8))] });
            await repository.publish();
          } else {
            const honest = new Map(repository.files);
            if (name === 'replay')
              for (const [path, bytes] of history[choice % history.length] ?? []) repository.files.set(path, bytes);
            if (name === 'lose') repository.files.delete([...repository.files.keys()][choice % honest.size] as string);
            await refresh(name === 'kill' ? dying(store, choice % 4, choice % 2 ? 'before' : 'after') : store).catch(
              (error: Error) => {
                if (error.message !== 'killed') expect(error).toHaveProperty('name', 'VouchsafeError');
              },
            );
            for (const [path, bytes] of honest) repository.files.set(path, bytes);
          }
          history.push(new Map(repository.files));
        }
        await repository.release({ 'app.js': 'the end' });
        await refresh(store);
        expect(newest.targets).toBe(new Targets(repository.current('targets')).version);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});

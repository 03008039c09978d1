import { describe, expect, test } from 'vitest';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { refusal } from './refusal.js';

/** Versions of what a store has. */
const versions = (store: MemoryStore) => ['timestamp', 'snapshot', 'targets'].map((role) => store.version(role));

describe('an eager client', () => {
  test('asks for the timestamp together with the next root, and comes to the same', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store, { isEager: true }).refresh();
    expect(repository.requests).toEqual(['2.root', 'timestamp', '1.snapshot', '1.targets'].map((name) => `/metadata/${name}.json`));
    expect(store.saved).toEqual(['timestamp', 'snapshot', 'targets']);
  });

  test('asks before the next root is there', async () => {
    const repository = await RepositorySimulator.create();
    let settle = () => {};
    const held = new Promise<void>((resolve) => {
      settle = resolve;
    });
    repository.answer = async (path) => {
      if (path.endsWith('2.root.json')) await held;
      return undefined as never;
    };
    const refreshed = repository.client(new MemoryStore(), { isEager: true }).refresh();
    await expect.poll(() => repository.requests.at(-1)).toBe('/metadata/timestamp.json');
    settle();
    expect((await refreshed).targets?.version).toBe(1);
  });

  test('checks the timestamp that came early under the roots that came late', async () => {
    const repository = await RepositorySimulator.create();
    await repository.rotate({ timestamp: [await testSigner(150)] });
    const store = new MemoryStore();
    const client = () => repository.client(store, { isEager: true });
    // Of the key that the second root replaces.
    await expect(client().refresh()).rejects.toEqual(refusal('unsigned', { role: 'timestamp' }));
    await repository.rotate({ snapshot: [await testSigner(151)] });
    await repository.publish();
    repository.requests.length = 0;
    expect(await client().refresh()).toMatchObject({ root: { version: 3 }, timestamp: { version: 2 } });
    expect(repository.requests.filter((path) => path.includes('timestamp'))).toHaveLength(1);
  });

  test('a root that cannot be had ends the refresh, and the timestamp that came early is nothing', async () => {
    const repository = await RepositorySimulator.create();
    repository.answer = (path) => (path.endsWith('2.root.json') ? new Response(null, { status: 500 }) : undefined);
    const store = new MemoryStore();
    const client = repository.client(store, { isEager: true });
    await expect(client.refresh()).rejects.toEqual(refusal('unreachable', { role: 'root', status: 500 }));
    expect(store.saved).toEqual([]);
    // Nor is it taken for what the next refresh asks for.
    await repository.release({ 'app.js': 'new' });
    repository.answer = undefined;
    expect((await client.refresh()).timestamp?.version).toBe(2);
  });

  test('what a failing store did not take is followed by nothing, and ends the refresh', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.release({ 'app.js': 'new' });
    const saveRole = store.saveRole.bind(store);
    store.saveRole = async (role, bytes) => {
      if (role === 'timestamp') throw new Error('the disk is full');
      await saveRole(role, bytes);
    };
    await expect(repository.client(store, { isEager: true }).refresh()).rejects.toThrow('the disk is full');
    expect(versions(store)).toEqual([1, 1, 1]);
  });

  test('a snapshot that does not come leaves the newer timestamp saved when the failure is told', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.release({ 'app.js': 'new' });
    repository.files.delete('/metadata/2.snapshot.json');
    const saveRole = store.saveRole.bind(store);
    store.saveRole = async (role, bytes) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await saveRole(role, bytes);
    };
    await expect(repository.client(store, { isEager: true }).refresh()).rejects.toEqual(refusal('unreachable'));
    expect(versions(store)).toEqual([2, 1, 1]);
  });
});

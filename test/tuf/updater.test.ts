import { describe, expect, test } from 'vitest';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';

describe('refresh', () => {
  test('brings everything up to date, saves each role, and finds and downloads a target', async () => {
    const repository = await RepositorySimulator.create({ root: 2, targets: 2 });
    const store = new MemoryStore();
    const client = repository.client(store);
    const trusted = await client.refresh();
    expect(trusted.targets?.version).toBe(1);
    expect(store.saved).toEqual(['timestamp', 'snapshot', 'targets']);
    expect(repository.requests).toEqual([
      '/metadata/2.root.json',
      '/metadata/timestamp.json',
      '/metadata/1.snapshot.json',
      '/metadata/1.targets.json',
    ]);
    const target = await client.findTarget('app.js');
    expect(target && (await client.downloadTarget(target))).toEqual(utf8('one'));
    expect(await client.findTarget('constructor')).toBeUndefined();
  });

  test('asks only for what has changed', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.rotate({ targets: repository.signers.targets });
    repository.requests.length = 0;
    store.saved.length = 0;
    await repository.client(store).refresh();
    expect(repository.requests).toEqual(['/metadata/2.root.json', '/metadata/3.root.json', '/metadata/timestamp.json']);
    expect(store.saved).toEqual(['root 2']);
    await repository.release({ 'app.js': 'three' });
    const client = repository.client(store);
    await client.refresh();
    expect(store.saved).toEqual(['root 2', 'timestamp', 'snapshot', 'targets']);
    const target = await client.findTarget('app.js');
    expect(target && (await client.downloadTarget(target))).toEqual(utf8('three'));
  });
});

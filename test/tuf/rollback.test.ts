import { describe, expect, test } from 'vitest';
import { MemoryStore, RepositorySimulator, START, testSigner, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const HIGHEST = Number.MAX_SAFE_INTEGER;
const DAY = 86_400_000;

/** A repository at its second release, and the store of a client that has it. */
async function twoReleases() {
  const repository = await RepositorySimulator.create();
  const first = new Map(repository.files);
  const store = new MemoryStore();
  await repository.client(store).refresh();
  await repository.release({ 'app.js': 'new', 'style.css': 'two', 'longer.js': 'so that the old metadata is shorter' });
  await repository.client(store).refresh();
  store.saved.length = 0;
  return { repository, first, store };
}

describe('A5: rollback', () => {
  test('of the timestamp is refused, and still after a restart', async () => {
    const { repository, first, store } = await twoReleases();
    const second = repository.current('timestamp');
    repository.put('timestamp.json', first.get('/metadata/timestamp.json') as Uint8Array);
    const expected = refusal('rollback', { role: 'timestamp', expected: 'version 2 or later', actual: 'version 1' });
    await expect(repository.client(store).refresh()).rejects.toEqual(expected);
    await expect(repository.client(store).refresh()).rejects.toEqual(expected);
    expect(store.saved).toEqual([]);
    repository.put('timestamp.json', second);
    await repository.client(store).refresh();
  });

  test('of the snapshot by a new timestamp is refused', async () => {
    const { repository, store } = await twoReleases();
    const honest = repository.current('timestamp');
    const { meta } = { meta: { 'snapshot.json': { version: 1 } } };
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 3, meta }));
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('rollback', { role: 'snapshot', expected: 'version 2 or later', actual: 'version 1' }),
    );
    expect(store.saved).toEqual([]);
    repository.put('timestamp.json', honest);
    await repository.client(store).refresh();
  });

  test('of the snapshot is refused also when the stored timestamp is lost', async () => {
    const { repository, store } = await twoReleases();
    store.roles.delete('timestamp');
    repository.put(
      'timestamp.json',
      await repository.forge('timestamp', { version: 3, meta: { 'snapshot.json': { version: 1 } } }),
    );
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'snapshot' }));
    expect(store.version('snapshot')).toBe(2);
  });

  test('of the targets by a new snapshot is refused', async () => {
    const { repository, store } = await twoReleases();
    await repository.serve({
      snapshot: await repository.forge('snapshot', { version: 3, meta: { 'targets.json': { version: 1 } } }),
    });
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('rollback', { role: 'targets', expected: 'version 2 or later', actual: 'version 1' }),
    );
    expect(store.version('snapshot')).toBe(2);
    expect(store.version('targets')).toBe(2);
    await repository.serve({
      snapshot: await repository.forge('snapshot', { version: 4, meta: { 'targets.json': { version: 2 } } }),
    });
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 4 }));
    await repository.client(store).refresh();
  });

  test('by a snapshot that no longer lists a role is refused', async () => {
    const { repository, store } = await twoReleases();
    const listed = { 'targets.json': { version: 2 }, 'other.json': { version: 1 } };
    await repository.serve({ snapshot: await repository.forge('snapshot', { version: 3, meta: listed }) });
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
    await repository.client(store).refresh();
    await repository.serve({
      snapshot: await repository.forge('snapshot', { version: 4, meta: { 'targets.json': { version: 2 } } }),
    });
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 4 }));
    await expect(repository.client(store).refresh()).rejects.toEqual(
      refusal('rollback', { role: 'other', actual: 'version none' }),
    );
  });

  test('to the first release, whole, is refused', async () => {
    const { repository, first, store } = await twoReleases();
    for (const [path, bytes] of first) repository.files.set(path, bytes);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'timestamp' }));
  });
});

describe('A8: mix and match', () => {
  test('an old snapshot under the new name is refused', async () => {
    const { repository, first } = await twoReleases();
    repository.put('2.snapshot.json', first.get('/metadata/1.snapshot.json') as Uint8Array);
    const store = new MemoryStore();
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('mismatch', { role: 'snapshot', version: 2 }));
    expect(store.saved).toEqual(['timestamp']);
  });

  test('old targets under the new name are refused', async () => {
    const { repository, first } = await twoReleases();
    repository.put('2.targets.json', first.get('/metadata/1.targets.json') as Uint8Array);
    const store = new MemoryStore();
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('mismatch', { role: 'targets', version: 2 }));
    expect(store.saved).toEqual(['timestamp', 'snapshot']);
  });

  test('both are refused by version alone, when the repository lists no hashes', async () => {
    const { repository, first } = await twoReleases();
    const store = new MemoryStore();
    repository.put(
      'timestamp.json',
      await repository.forge('timestamp', { version: 3, meta: { 'snapshot.json': { version: 2 } } }),
    );
    repository.put('2.snapshot.json', first.get('/metadata/1.snapshot.json') as Uint8Array);
    const facts = { role: 'snapshot', expected: 'version 2', actual: 'version 1' };
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('mismatch', facts));
    expect(store.saved).toEqual(['timestamp']);
    repository.put('2.snapshot.json', await repository.forge('snapshot', { meta: { 'targets.json': { version: 2 } } }));
    repository.put('2.targets.json', first.get('/metadata/1.targets.json') as Uint8Array);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('mismatch', { ...facts, role: 'targets' }));
    expect(store.saved).toEqual(['timestamp', 'snapshot']);
    repository.put('2.targets.json', repository.current('targets'));
    await repository.client(store).refresh();
  });

  test('a role of another type in its place is refused', async () => {
    const repository = await RepositorySimulator.create();
    const key = [await testSigner(1)];
    await repository.rotate({ timestamp: key, snapshot: key, targets: key });
    await repository.publish();
    repository.put('timestamp.json', repository.current('snapshot'));
    await expect(repository.client().refresh()).rejects.toEqual(refusal('malformed', { role: 'timestamp' }));
    repository.put('timestamp.json', repository.current('timestamp'));
    await repository.client().refresh();
  });

  test('two valid files swapped between their paths are refused', async () => {
    const repository = await RepositorySimulator.create();
    const client = repository.client();
    const [app, style] = await Promise.all(['app.js', 'style.css'].map((path) => client.findTarget(path)));
    if (!app || !style) throw new Error('both are listed');
    const appPath = `/targets/${app.hashes.sha256}.app.js`;
    repository.files.set(appPath, utf8('two'));
    await expect(client.downloadTarget(app)).rejects.toEqual(
      refusal('mismatch', {
        path: 'app.js',
        url: `https://repository.test${appPath}`,
        expected: `sha256 ${app.hashes.sha256}, 3 bytes`,
        actual: `sha256 ${style.hashes.sha256}, 3 bytes`,
      }),
    );
    repository.files.set(appPath, utf8('one'));
    expect(await client.downloadTarget(app)).toEqual(utf8('one'));
  });
});

describe('A9: fast-forward', () => {
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    test(`of the ${role} to 2^53 - 1 is over when the root replaces the stolen key`, async () => {
      const { repository, store } = await twoReleases();
      const honest = repository.metadata;
      // The thief of one key; where the attack needs the roles above to list it, those keys are stolen too.
      if (role === 'timestamp') await repository.serve({ timestamp: await repository.forge('timestamp', { version: HIGHEST }) });
      if (role === 'snapshot') {
        await repository.serve({ snapshot: await repository.forge('snapshot', { version: HIGHEST }) });
        repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
      }
      if (role === 'targets') {
        await repository.serve({ targets: await repository.forge('targets', { version: HIGHEST }) });
        const forged = repository.current('snapshot');
        repository.metadata = { ...repository.metadata, snapshot: forged } as never;
        await repository.serve({
          snapshot: await repository.forge('snapshot', { version: 3 }),
          targets: repository.current('targets'),
        });
        repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
      }
      await repository.client(store).refresh();
      expect(store.version(role)).toBe(HIGHEST);

      repository.metadata = honest;
      // What the honest repository goes on with is refused as long as the stolen keys stand.
      await repository.release({ 'app.js': 'before' });
      await repository.release({ 'app.js': 'recovered' });
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback'));
      await repository.rotate({ timestamp: [await testSigner(200)], snapshot: [await testSigner(201)] });
      await repository.publish();
      store.saved.length = 0;
      const trusted = await repository.client(store).refresh();
      expect(store.saved).toEqual(['root 2', 'discard timestamp', 'discard snapshot', 'timestamp', 'snapshot', 'targets']);
      expect(trusted.targets?.files.get('app.js')?.length).toBe('recovered'.length);
      expect(trusted.timestamp?.version).toBe(5);
      expect(trusted.snapshot?.version).toBe(5);
    });
  }

  test('of the snapshot: one replaced key is enough, the timestamp key may stay', async () => {
    const { repository, store } = await twoReleases();
    const honest = repository.metadata;
    await repository.serve({ targets: await repository.forge('targets', { version: HIGHEST }) });
    await repository.serve({ snapshot: await repository.forge('snapshot', { version: 3 }) });
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 3 }));
    await repository.client(store).refresh();
    repository.metadata = honest;
    await repository.rotate({ snapshot: [await testSigner(201)] });
    await repository.release({ 'app.js': 'recovered' });
    const trusted = await repository.client(store).refresh();
    expect(trusted.targets?.version).toBe(3);
  });

  for (const role of ['timestamp', 'snapshot'] as const) {
    test(`the ${role} key alone replaced: what both roles had signed is deleted with the new root, in one step`, async () => {
      const { repository, store } = await twoReleases();
      await repository.rotate({ [role]: [await testSigner(201)] });
      await repository.publish();
      await repository.client(store).refresh();
      expect(store.saved.slice(0, 3)).toEqual(['root 2', 'discard timestamp', 'discard snapshot']);
    });
  }

  test('keys that are only added lose nobody their protection', async () => {
    const { repository, first, store } = await twoReleases();
    await repository.rotate({ root: [...repository.signers.root, await testSigner(202)] });
    await repository.rotate({ targets: [await testSigner(203)] });
    repository.put('timestamp.json', first.get('/metadata/timestamp.json') as Uint8Array);
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'timestamp' }));
    expect(store.saved).toEqual(['root 2', 'root 3']);
  });

  test('a recovered client refuses what the replaced keys signed', async () => {
    const { repository, store } = await twoReleases();
    const stolen = repository.signers.timestamp;
    await repository.rotate({ timestamp: [await testSigner(200)] });
    await repository.publish();
    await repository.client(store).refresh();
    repository.put('timestamp.json', await repository.forge('timestamp', { version: HIGHEST }, stolen));
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('unsigned', { role: 'timestamp' }));
  });

  test('the clock plays no part in versions: a newer version with an older expiry is taken', async () => {
    const { repository, store } = await twoReleases();
    repository.put('timestamp.json', await repository.forge('timestamp', { version: 3, expires: '2030-01-01T00:00:01Z' }));
    expect((await repository.client(store).refresh()).timestamp?.version).toBe(3);
    repository.now = START + DAY;
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp', version: 3 }));
  });
});

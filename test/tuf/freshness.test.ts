import { describe, expect, test, vi } from 'vitest';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { EXPIRY, MemoryStore, RepositorySimulator, START } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const ROLES = ['timestamp', 'snapshot', 'targets'] as const;
const LONG = '2039-01-01T00:00:00Z';

/** A repository in which only one role ever expires, and what lists it is new enough each time. */
async function onlyExpiring(role: (typeof ROLES)[number]): Promise<RepositorySimulator> {
  const repository = await RepositorySimulator.create();
  await repository.serve({
    targets: await repository.forge('targets', role === 'targets' ? {} : { expires: LONG }),
  });
  if (role !== 'snapshot') await repository.serve({ snapshot: await repository.forge('snapshot', { expires: LONG }) });
  if (role !== 'timestamp') await repository.serve({ timestamp: await repository.forge('timestamp', { expires: LONG }) });
  return repository;
}

describe('A7: indefinite freeze', () => {
  test('an expired root is refused before anything else is asked for', async () => {
    const repository = await RepositorySimulator.create();
    repository.now = START + EXPIRY.root * 1000;
    await expect(repository.client().refresh()).rejects.toEqual(refusal('expired', { role: 'root', version: 1 }));
    expect(repository.requests).toEqual(['/metadata/2.root.json']);
    repository.now--;
    await expect(repository.client().refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp' }));
  });

  test('an expired root is no obstacle on the way to a newer one, which is saved even if it has expired', async () => {
    const repository = await RepositorySimulator.create();
    await repository.rotate({});
    await repository.rotate({});
    repository.now = START + EXPIRY.root * 1000;
    const store = new MemoryStore();
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'root', version: 3 }));
    expect(store.saved).toEqual(['root 2', 'root 3']);
    await repository.rotate({});
    await repository.publish();
    expect((await repository.client(store).refresh()).root.version).toBe(4);
  });

  for (const role of ROLES) {
    test(`an expired ${role} is refused, and not saved`, async () => {
      const repository = await onlyExpiring(role);
      const store = new MemoryStore();
      repository.now = START + EXPIRY[role] * 1000;
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role, version: 1 }));
      expect(store.saved).toEqual(ROLES.slice(0, ROLES.indexOf(role)));
      // One second earlier it is good.
      repository.now -= 1000;
      await repository.client(store).refresh();
    });

    test(`a ${role} replayed unchanged after it has expired is refused: freshness comes before equality`, async () => {
      const repository = await onlyExpiring(role);
      const store = new MemoryStore();
      await repository.client(store).refresh();
      repository.now = START + EXPIRY[role] * 1000 - 1;
      await repository.client(store).refresh();
      store.saved.length = 0;
      repository.now++;
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role, version: 1 }));
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role, version: 1 }));
      expect(store.saved).toEqual([]);
      await repository.publish();
      expect((await repository.client(store).refresh())[role]?.version).toBe(2);
    });
  }

  test('a timestamp of the same version with a later expiry does not thaw the trusted one', async () => {
    const repository = await onlyExpiring('timestamp');
    const store = new MemoryStore();
    await repository.client(store).refresh();
    repository.put('timestamp.json', await repository.forge('timestamp', { expires: LONG }));
    repository.now = START + EXPIRY.timestamp * 1000;
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp', version: 1 }));
  });

  test('a timestamp of the same version with another snapshot changes nothing', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    repository.put('timestamp.json', await repository.forge('timestamp', { meta: { 'snapshot.json': { version: 7 } } }));
    store.saved.length = 0;
    expect((await repository.client(store).refresh()).snapshot?.version).toBe(1);
    expect(store.saved).toEqual([]);
  });
});

describe('expired and damaged local metadata never stands in the way', () => {
  for (const damage of ['expired', 'gone', 'cut', 'empty', 'of another role', 'signed by others'] as const) {
    for (const role of ROLES) {
      test(`${role} ${damage}`, async () => {
        const repository = await RepositorySimulator.create();
        const store = new MemoryStore();
        await repository.client(store).refresh();
        const bytes = repository.current(role);
        if (damage === 'gone') store.roles.delete(role);
        if (damage === 'cut') store.roles.set(role, bytes.subarray(0, 100));
        if (damage === 'empty') store.roles.set(role, new Uint8Array());
        if (damage === 'of another role') store.roles.set(role, repository.root);
        if (damage === 'signed by others')
          store.roles.set(role, await repository.forge(role, { version: 9 }, repository.signers.root));
        if (damage === 'expired') {
          repository.now = START + EXPIRY.targets * 1000;
          await repository.publish();
        }
        const trusted = await repository.client(store).refresh();
        expect(trusted[role]?.bytes).toEqual(repository.current(role));
        expect(store.roles.get(role)).toEqual(repository.current(role));
      });
    }
  }

  test('a damaged root chain is asked for again from where it breaks', async () => {
    const repository = await RepositorySimulator.create();
    for (let i = 0; i < 3; i++) await repository.rotate({});
    const store = new MemoryStore();
    await repository.client(store).refresh();
    store.roots.set(3, new Uint8Array([1]));
    repository.requests.length = 0;
    expect((await repository.client(store).refresh()).root.version).toBe(4);
    expect(repository.requests.slice(0, 3)).toEqual(['/metadata/3.root.json', '/metadata/4.root.json', '/metadata/5.root.json']);
    expect(store.roots.get(3)).toEqual(repository.files.get('/metadata/3.root.json'));
  });

  test('what the store itself cannot do is not taken for damage', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    store.loadRole = () => Promise.reject(new Error('the disk is gone'));
    await expect(repository.client(store).refresh()).rejects.toThrow('the disk is gone');
  });
});

test('a mistake in the program or the platform is not taken for damage either', async () => {
  const repository = await RepositorySimulator.create();
  const store = new MemoryStore();
  await repository.client(store).refresh();
  const digest = vi.spyOn(crypto.subtle, 'digest').mockRejectedValueOnce(new Error('broken'));
  await expect(repository.client(store).refresh()).rejects.toThrow('broken');
  digest.mockRestore();
});

describe('opening a stored release', () => {
  test('works when everything has expired, and says so when asked', async () => {
    const repository = await RepositorySimulator.create();
    await repository.rotate({});
    const now = START + 10 * EXPIRY.root * 1000;
    const trusted = await TrustedMetadata.fromRoot(repository.files.get('/metadata/1.root.json') as Uint8Array, now);
    await trusted.loadRoot(repository.files.get('/metadata/2.root.json') as Uint8Array);
    await trusted.loadTimestamp(repository.current('timestamp'));
    await trusted.loadSnapshot(repository.current('snapshot'));
    await trusted.loadTargets(repository.current('targets'));
    for (const role of ROLES) expect(() => trusted.checkExpiry(role)).toThrow(expect.objectContaining({ code: 'expired' }));
    expect(() => trusted.checkExpiry('root')).toThrow(expect.objectContaining({ code: 'expired' }));
    expect(trusted.targets?.files.size).toBe(2);
  });

  test('a release verified under an older root can be checked under the newest', async () => {
    const repository = await RepositorySimulator.create();
    const open = async (roots: number) => {
      const trusted = await TrustedMetadata.fromRoot(repository.files.get('/metadata/1.root.json') as Uint8Array, START);
      for (let version = 2; version <= roots; version++) {
        await trusted.loadRoot(repository.files.get(`/metadata/${version}.root.json`) as Uint8Array);
      }
      return trusted;
    };
    const release = await open(1);
    await release.loadTimestamp(repository.current('timestamp'));
    await release.loadSnapshot(repository.current('snapshot'));
    const targets = await release.loadTargets(repository.current('targets'));
    await repository.rotate({});
    await (await open(2)).root.verify('targets', targets);
    await repository.rotate({ targets: repository.signers.root });
    await expect((await open(3)).root.verify('targets', targets)).rejects.toEqual(refusal('unsigned', { role: 'targets' }));
  });

  test('refuses a snapshot that its timestamp does not list, and targets of another snapshot', async () => {
    const repository = await RepositorySimulator.create();
    const old = repository.metadata;
    await repository.release({ 'app.js': 'new' });
    if (!old) throw new Error('published');
    const trusted = await TrustedMetadata.fromRoot(repository.root, START);
    await trusted.loadTimestamp(repository.current('timestamp'));
    await trusted.loadSnapshot(old.snapshot);
    await expect(trusted.loadTargets(old.targets)).rejects.toEqual(refusal('mismatch', { role: 'snapshot' }));
    await trusted.loadSnapshot(repository.current('snapshot'));
    await expect(trusted.loadTargets(old.targets)).rejects.toEqual(refusal('mismatch', { role: 'targets' }));
    await trusted.loadTargets(repository.current('targets'));
  });
});

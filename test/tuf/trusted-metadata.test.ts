import { beforeEach, describe, expect, test } from 'vitest';
import { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { EXPIRY, RepositorySimulator, START } from '../repository-simulator.js';
import { refusal } from './refusal.js';

let repository: RepositorySimulator;

beforeEach(async () => {
  repository = await RepositorySimulator.create();
});

const start = (seconds = 0) => TrustedMetadata.fromRoot(repository.root, START + seconds * 1000);

describe('A7: metadata from the repository is taken only behind metadata that has not expired', () => {
  test('no timestamp behind an expired root', async () => {
    const trusted = await start(EXPIRY.root);
    await expect(trusted.updateTimestamp(repository.current('timestamp'))).rejects.toEqual(refusal('expired', { role: 'root' }));
    await trusted.loadTimestamp(repository.current('timestamp'));
  });

  test('no snapshot behind an expired timestamp', async () => {
    const trusted = await start(EXPIRY.timestamp);
    await trusted.loadTimestamp(repository.current('timestamp'));
    await expect(trusted.updateSnapshot(repository.current('snapshot'))).rejects.toEqual(refusal('expired', { role: 'timestamp' }));
    await trusted.loadSnapshot(repository.current('snapshot'));
  });

  test('no targets behind an expired snapshot', async () => {
    const trusted = await start(EXPIRY.snapshot);
    await trusted.loadTimestamp(repository.current('timestamp'));
    await trusted.loadSnapshot(repository.current('snapshot'));
    await expect(trusted.updateTargets(repository.current('targets'))).rejects.toEqual(refusal('expired', { role: 'snapshot' }));
    await trusted.loadTargets(repository.current('targets'));
  });
});

describe('a method that throws leaves everything as it was', () => {
  /** All that is trusted, to be compared. */
  const state = ({ root, timestamp, snapshot, targets }: TrustedMetadata) => ({ root, timestamp, snapshot, targets });

  type Offer = (trusted: TrustedMetadata, bytes: Uint8Array) => Promise<unknown>;
  const OFFERS: Readonly<Record<'root' | 'timestamp' | 'snapshot' | 'targets', readonly Offer[]>> = {
    root: [(trusted, bytes) => trusted.loadRoot(bytes), (trusted, bytes) => trusted.updateRoot(bytes)],
    timestamp: [(trusted, bytes) => trusted.loadTimestamp(bytes), (trusted, bytes) => trusted.updateTimestamp(bytes)],
    snapshot: [(trusted, bytes) => trusted.loadSnapshot(bytes), (trusted, bytes) => trusted.updateSnapshot(bytes)],
    targets: [(trusted, bytes) => trusted.loadTargets(bytes), (trusted, bytes) => trusted.updateTargets(bytes)],
  };

  test('at every step, for every kind of wrong document', async () => {
    const old = repository.metadata;
    await repository.release({ 'app.js': 'new' });
    if (!old) throw new Error('it is published');
    const trusted = await start();
    const refuse = async (role: keyof typeof OFFERS, wrong: readonly Uint8Array[]) => {
      const before = state(trusted);
      for (const bytes of wrong) {
        for (const offer of OFFERS[role]) {
          await expect(offer(trusted, bytes)).rejects.toHaveProperty('name', 'VouchsafeError');
          expect(state(trusted)).toEqual(before);
        }
      }
    };
    const stranger = repository.signers.targets;
    const broken = new Uint8Array([0x7b]);
    await refuse('root', [broken, repository.root, await repository.forge('root', { version: 2 }, stranger), old.targets]);
    await trusted.updateTimestamp(repository.current('timestamp'));
    await refuse('timestamp', [broken, old.timestamp, await repository.forge('timestamp', { version: 3 }, stranger)]);
    await trusted.updateSnapshot(repository.current('snapshot'));
    await refuse('snapshot', [broken, await repository.forge('snapshot', { version: 2 }, stranger)]);
    await trusted.updateTargets(repository.current('targets'));
    await refuse('targets', [broken, old.targets, await repository.forge('targets', { version: 2 }, repository.signers.root)]);
    expect(trusted.targets?.version).toBe(2);
  });

  test('roles are taken in order, and a caller that mixes them up is told so', async () => {
    const trusted = await start();
    await expect(trusted.updateSnapshot(repository.current('snapshot'))).rejects.toThrow('timestamp metadata comes first');
    await trusted.updateTimestamp(repository.current('timestamp'));
    await expect(trusted.updateTargets(repository.current('targets'))).rejects.toThrow('snapshot metadata comes first');
    await expect(trusted.loadTargets(repository.current('targets'))).rejects.toThrow('snapshot metadata comes first');
    expect(() => trusted.checkExpiry('targets')).toThrow('targets metadata comes first');
  });

  test('new snapshot, no targets: those of the snapshot before are not its own', async () => {
    const trusted = await start();
    await trusted.updateTimestamp(repository.current('timestamp'));
    await trusted.updateSnapshot(repository.current('snapshot'));
    await trusted.updateTargets(repository.current('targets'));
    await repository.release({ 'app.js': 'new' });
    await trusted.updateTimestamp(repository.current('timestamp'));
    await trusted.updateSnapshot(repository.current('snapshot'));
    expect(trusted.targets).toBeUndefined();
  });

  test('a stored snapshot of the listed version must be the listed one', async () => {
    const trusted = await start();
    await trusted.loadTimestamp(repository.current('timestamp'));
    const other = await repository.forge('snapshot', { 'x-note': 'validly signed, but not what the timestamp lists' });
    await expect(trusted.loadSnapshot(other)).rejects.toEqual(refusal('mismatch', { role: 'snapshot', version: 1 }));
    expect(trusted.snapshot).toBeUndefined();
  });

  test('a snapshot that lists no targets is refused when they are asked for', async () => {
    await repository.serve({ snapshot: await repository.forge('snapshot', { version: 2, meta: {} }) });
    await expect(repository.client().refresh()).rejects.toEqual(refusal('not-found', { role: 'targets' }));
  });
});

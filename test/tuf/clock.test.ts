import { describe, expect, test } from 'vitest';
import { EXPIRY, MemoryStore, RepositorySimulator, START } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const DAY = 86_400_000;
const YEAR = 365 * DAY;
const date = (time: number): string => new Date(time).toISOString().replace('.000', '');

/** A repository with a second timestamp, signed at a time of its own for the first snapshot. */
async function timestampSigned(at: number, expires = at + 7 * DAY): Promise<RepositorySimulator> {
  const repository = await RepositorySimulator.create();
  await repository.serve({
    timestamp: await repository.forge('timestamp', { version: 2, signed_at: date(at), expires: date(expires) }),
  });
  return repository;
}

describe('C10 the clock of the device', () => {
  test('C10 a year behind the signers is no obstacle', async () => {
    const repository = await RepositorySimulator.create();
    repository.now = START - YEAR;
    const trusted = await repository.client().refresh();
    expect(trusted.timestamp?.signedAt).toBe(START);
    // What is measured against is the latest time that is known, not the device's.
    expect(trusted.now).toBe(START);
  });

  test('C10 a year behind makes no snapshot fresh that had expired when the timestamp was signed', async () => {
    const repository = await timestampSigned(START + EXPIRY.snapshot * 1000);
    const store = new MemoryStore();
    repository.now = START - YEAR;
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'snapshot', version: 1 }));
    // The timestamp itself was right and is remembered; there is no way back behind it.
    expect(store.saved).toEqual(['timestamp']);
  });

  test('C10 a timestamp that expired before the trusted one was signed is refused, whatever the clock says', async () => {
    const repository = await timestampSigned(START + 20 * DAY);
    const store = new MemoryStore();
    repository.now = START - YEAR;
    expect((await repository.client(store).refresh()).now).toBe(START + 20 * DAY);
    // By someone with the timestamp key, or kept back from a publisher with a clock of its own.
    await repository.serve({
      timestamp: await repository.forge('timestamp', { version: 3, signed_at: date(START), expires: date(START + 7 * DAY) }),
    });
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp', version: 3 }));
    expect(store.version('timestamp')).toBe(2);
    // It recovers with the next timestamp.
    await repository.serve({
      timestamp: await repository.forge('timestamp', {
        version: 4,
        signed_at: date(START + 21 * DAY),
        expires: date(START + 28 * DAY),
      }),
    });
    expect((await repository.client(store).refresh()).timestamp?.version).toBe(4);
  });

  test('C10 a year ahead refuses everything as expired, and recovers when the clock is right, or something new is signed', async () => {
    const repository = await RepositorySimulator.create();
    const store = new MemoryStore();
    await repository.client(store).refresh();
    repository.now = START + 100 * DAY;
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp', version: 1 }));
    // Nothing of the wrong clock is remembered.
    repository.now = START;
    expect((await repository.client(store).refresh()).timestamp?.version).toBe(1);
    repository.now = START + 100 * DAY;
    await repository.publish();
    expect((await repository.client(store).refresh()).timestamp?.version).toBe(2);
  });

  test('C10 a timestamp that says it was signed after it expires says nothing about the time', async () => {
    const repository = await timestampSigned(START + 20 * DAY, START + 7 * DAY);
    expect((await repository.client().refresh()).now).toBe(START);
  });

  test('C10 what was signed long ago does not hold the device’s clock back', async () => {
    const repository = await timestampSigned(START - YEAR, START + 7 * DAY);
    repository.now = START + 6 * DAY;
    expect((await repository.client().refresh()).now).toBe(START + 6 * DAY);
    repository.now = START + 7 * DAY;
    await expect(repository.client().refresh()).rejects.toEqual(refusal('expired', { role: 'timestamp', version: 2 }));
  });
});

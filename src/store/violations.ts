import type { Violation } from '../messages/messages.js';
import type { Connection } from './connection.js';
import { nextKey, type StoredViolation } from './schema.js';

/** Enough to see what an attack did; bounded, because a page script can cause violations at will. */
const VIOLATIONS_KEPT = 100;

/** Adds a violation and drops the oldest beyond the bound. @throws `storage`, `quota` */
export function saveViolation(connection: Connection, violation: Violation): Promise<void> {
  return connection.run(['violations'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('violations');
    await store.put(violation, await nextKey(transaction, 'violations'));
    const keys = await store.getAllKeys();
    const oldest = keys.slice(0, Math.max(0, keys.length - VIOLATIONS_KEPT));
    await Promise.all(oldest.map((key) => store.delete(key)));
  });
}

/** @returns the recorded violations by key, oldest first. @throws `storage` */
export function loadViolations(connection: Connection): Promise<Map<number, StoredViolation>> {
  return connection.run(['violations'], 'readonly', async (transaction) => {
    const store = transaction.objectStore('violations');
    const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
    const entries = keys.map((key, i) => [key, values[i] as StoredViolation] as const);
    return new Map(entries.filter(([, violation]) => isViolation(violation)).slice(-VIOLATIONS_KEPT));
  });
}

/** @param keys of violations that have been reported. @throws `storage`, `quota` */
export function markReported(connection: Connection, keys: Iterable<number>): Promise<void> {
  return connection.run(['violations'], 'readwrite', async (transaction) => {
    const store = transaction.objectStore('violations');
    for (const key of keys) {
      const violation = await store.get(key);
      if (violation) await store.put({ ...violation, reported: true }, key);
    }
  });
}

function isFacts(facts: unknown): boolean {
  return facts instanceof Object && Object.values(facts).every((fact) => typeof fact === 'string' || typeof fact === 'number');
}

function isViolation(value: Partial<Violation> | null | undefined): boolean {
  const { code, message, during, time, facts } = value ?? {};
  return [code, message, during].every((text) => typeof text === 'string') && typeof time === 'number' && isFacts(facts);
}

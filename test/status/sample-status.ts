import type { Status } from '../../src/messages/messages.js';

const DAY = 86_400_000;

/**
 * A status as a worker may give it.
 *
 * @param now milliseconds since 1970
 * @param more what differs
 * @returns the status
 */
export function sampleStatus(now: number, more: Partial<Status> = {}): Status {
  const keyid = (letter: string): string => letter.repeat(64);
  const active = { id: '12-9f86d081884c7d65', files: 201, bytes: 5_312_004 };
  return {
    life: 'a5cf64f2-1fd2-4f3c-8a9b-0d5c1a2b3c4d',
    freshness: 'fresh',
    offlineUntil: now + 20 * DAY + 15_000_000,
    root: { version: 3, expires: now + 212 * DAY + 5_000 },
    timestamp: { version: 148, expires: now + 6 * DAY + 15_000_000 },
    snapshot: { version: 12, expires: now + 27 * DAY },
    targets: { version: 12, expires: now + 89 * DAY },
    active,
    pinned: active.id,
    releases: [
      { ...active, state: 'active', clients: 3 },
      { id: '11-60303ae22b998861', files: 198, bytes: 5_101_113, state: 'pinned', clients: 1 },
    ],
    keys: {
      root: { keyids: [keyid('a'), keyid('b'), keyid('c')], threshold: 2 },
      timestamp: { keyids: [keyid('d')], threshold: 1 },
      snapshot: { keyids: [keyid('e')], threshold: 1 },
      targets: { keyids: [keyid('a'), keyid('b'), keyid('c')], threshold: 2 },
    },
    activation: 'navigation',
    storage: { kept: 'indexeddb', usage: 11_400_000, quota: 6_100_000_000, persisted: true },
    clockBehind: 0,
    filesVerified: 418,
    violations: [],
    ...more,
  };
}

/** Refusals of each kind that a person may see, oldest first. */
export function sampleViolations(now: number): Status['violations'] {
  return [
    {
      code: 'rollback',
      message: 'The version is lower than one that was trusted before.',
      facts: {
        role: 'timestamp',
        url: 'https://example.org/vouchsafe/metadata/timestamp.json',
        expected: 'at least 148',
        actual: '131',
      },
      time: now - 5 * 3_600_000,
      during: 'update',
    },
    {
      code: 'mismatch',
      message: 'assets/index.js is not the one that was signed.',
      facts: {
        path: 'assets/index.js',
        url: `https://example.org/vouchsafe/targets/assets/${'8c'.repeat(32)}.index.js`,
        expected: `sha256 ${'8c'.repeat(32)}, 48213 bytes`,
        actual: `sha256 ${'1f'.repeat(32)}, 48302 bytes`,
        diagnosis: 'rewritten text, as by a CDN that minifies or injects',
      },
      time: now - 62_000,
      during: 'request',
    },
    {
      code: 'foreign-registration',
      message: 'Another service worker is registered inside the scope: its pages are not verified.',
      facts: { url: 'https://example.org/old/', actual: 'https://example.org/old/sw.js' },
      time: now - 2_000,
      during: 'watch',
    },
  ];
}

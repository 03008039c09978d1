import { killAt } from '../campaign/kill-point.js';
import { nameOf, type Point } from '../campaign/plan.js';
import { expect, test } from './fixtures.js';

// One kill of each phase, of the many that `npm run campaign` knows.

const POINTS: readonly Point[] = [
  { phase: 'install', kind: 'worker', moment: { request: 12, at: 'middle' }, isOffline: false, next: 'two' },
  { phase: 'staging', kind: 'browser', moment: { request: 8, at: 'middle' }, isOffline: true, next: 'three' },
  { phase: 'navigation', kind: 'server', moment: { request: 1, at: 'before' }, isOffline: true, next: 'two' },
  { phase: 'activate', kind: 'worker', moment: { since: 'beginning', milliseconds: 2 }, isOffline: true, next: 'three' },
  { phase: 'immediate', kind: 'both', moment: { request: 13, at: 'after' }, isOffline: false, next: 'two' },
  { phase: 'healing', kind: 'browser', moment: { request: 5, at: 'before' }, isOffline: false, next: 'two' },
  { phase: 'damage', kind: 'server', moment: { request: 1, at: 'middle' }, isOffline: false, next: 'three' },
];

for (const point of POINTS) {
  test(`C9 a kill leaves one whole release – ${nameOf(point)}`, { tag: '@chromium' }, async ({ profile, folder, publishSite }) => {
    expect(await killAt(point, { profile, folder, publishSite })).toBe(true);
  });
}

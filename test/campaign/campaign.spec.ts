import { expect, test } from '../browser/fixtures.js';
import { killAt, requestsOf } from './kill-point.js';
import { optionsOf } from './options.js';
import { AFTERWARDS, eachMoment, nameOf, REQUESTS, somePoints } from './plan.js';

const { phases, kinds, points, seed, every } = optionsOf(process.env);

for (const phase of phases) {
  test(`${phase}: as many requests as planned`, async ({ profile, folder, publishSite }) => {
    const requests = await requestsOf(phase, { profile, folder, publishSite });
    expect(requests.length, requests.join('\n')).toBeGreaterThanOrEqual(REQUESTS[phase]);
    expect(requests.slice(REQUESTS[phase]).filter((path) => !AFTERWARDS.test(path))).toEqual([]);
  });
}

for (const point of every ? eachMoment({ phases, kinds }, seed) : somePoints({ phases, kinds }, points, seed)) {
  test(nameOf(point), async ({ profile, folder, publishSite, browserName }) => {
    // Firefox stops a worker only when it is idle, and nobody can tell it to.
    test.skip(browserName === 'firefox' && (point.kind === 'worker' || point.kind === 'both'), 'no DevTools protocol');
    const hasCome = await killAt(point, { profile, folder, publishSite });
    // Requests of a phase are counted above; how many there are after a while nobody is sure of.
    if ('request' in point.moment) expect(hasCome).toBe(true);
    test.skip(!hasCome, 'the moment never came');
  });
}

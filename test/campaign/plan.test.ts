import { expect, it } from 'vitest';
import { allPoints, eachMoment, KINDS, nameOf, PHASES } from './plan.js';

const momentOf = (point: Parameters<typeof nameOf>[0]): string => `${point.phase} ${JSON.stringify(point.moment)}`;
const ALL = allPoints({ phases: PHASES, kinds: KINDS });

it('every moment of every phase comes once, with points that there are, and with every kind in as many seeds', () => {
  const names = new Set(ALL.map(nameOf));
  const moments = new Set(ALL.map(momentOf));
  for (const kinds of [KINDS, ['browser', 'server', 'worker'], ['browser', 'server'], ['server']] as const) {
    const seen = new Set<string>();
    for (let seed = 7; seed < 7 + kinds.length; seed++) {
      const points = eachMoment({ phases: PHASES, kinds }, seed);
      expect(new Set(points.map(momentOf))).toEqual(moments);
      expect(points).toHaveLength(moments.size);
      expect(points.filter((point) => !names.has(nameOf(point)))).toEqual([]);
      for (const point of points) seen.add(`${momentOf(point)} ${point.kind}`);
    }
    expect(seen.size).toBe(moments.size * kinds.length);
  }
});

it('of each request, before, in the middle and after have different kinds from one request to the next', () => {
  const points = eachMoment({ phases: ['install'], kinds: ['browser', 'server', 'worker'] }, 0);
  const before = points.filter(({ moment }) => 'request' in moment && moment.at === 'before').map(({ kind }) => kind);
  expect(new Set(before).size).toBe(3);
});

/** What is under way when something is killed. */
export const PHASES = ['install', 'staging', 'navigation', 'activate', 'immediate', 'healing', 'damage'] as const;
export type Phase = (typeof PHASES)[number];

/** What is killed: the worker (DevTools protocol), the browser (`SIGKILL`), the server (connections cut, none taken), or the last and the first. */
export const KINDS = ['worker', 'browser', 'server', 'both'] as const;
export type Kind = (typeof KINDS)[number];

/** Where in the answer of a request. */
export const MOMENTS = ['before', 'middle', 'after'] as const;

/** When: at a request of the phase (the first is 1), or some milliseconds after the phase was begun or its last answer had left. */
export type Moment =
  | { readonly request: number; readonly at: (typeof MOMENTS)[number] }
  | { readonly since: 'beginning' | 'last answer'; readonly milliseconds: number };

/** One kill. */
export interface Point {
  readonly phase: Phase;
  readonly kind: Kind;
  readonly moment: Moment;
  /** The app is opened again while the server is still away. */
  readonly isOffline: boolean;
  /** Which release comes afterwards: the one that the kill interrupted, or one more. */
  readonly next: 'two' | 'three';
}

/**
 * The requests that the server sees in each phase, all but the browser's own look for an icon, and what may come behind them (`AFTERWARDS`); the
 * campaign checks that it is so. A phase that makes more of them has points that nobody tried.
 */
export const REQUESTS: Readonly<Record<Phase, number>> = {
  install: 17,
  staging: 13,
  navigation: 2,
  activate: 0,
  immediate: 13,
  healing: 12,
  damage: 1,
};

/** The worker's look for a newer release a while after a navigation, and the browser's for another worker script. */
export const AFTERWARDS = /\/(2\.root\.json|timestamp\.json|vouchsafe-worker\.js)$/;

/** Milliseconds: the transactions that follow an answer or a message take a few of them each. */
const DELAYS = [0, 1, 2, 4, 7, 11, 16, 23, 32, 45, 64, 90, 130, 190, 280, 400];

/** In these, an app is there that can be opened without the server. */
const HAS_APP: ReadonlySet<Phase> = new Set<Phase>(['staging', 'navigation', 'activate', 'immediate']);

/** Which points there are to choose from. */
export interface Choice {
  readonly phases: readonly Phase[];
  readonly kinds: readonly Kind[];
}

/**
 * Every point there is.
 *
 * @param choice phases and kinds
 */
export function allPoints({ phases, kinds }: Choice): Point[] {
  return phases.flatMap((phase) =>
    kinds.flatMap((kind) =>
      momentsOf(phase).flatMap((moment) => {
        const nexts = phase === 'install' ? (['two'] as const) : (['two', 'three'] as const);
        const aways = HAS_APP.has(phase) ? [false, true] : [false];
        return nexts.flatMap((next) => aways.map((isOffline) => ({ phase, kind, moment, isOffline, next })));
      }),
    ),
  );
}

function momentsOf(phase: Phase): Moment[] {
  const since = REQUESTS[phase] > 0 ? (['beginning', 'last answer'] as const) : (['beginning'] as const);
  return [
    ...Array.from({ length: REQUESTS[phase] }, (_, i) => MOMENTS.map((at) => ({ request: i + 1, at }))).flat(),
    ...since.flatMap((from) => DELAYS.map((milliseconds) => ({ since: from, milliseconds }))),
  ];
}

/**
 * Some of the points: as many of each phase and kind as the others have, as far as there are any.
 *
 * @param choice phases and kinds
 * @param count how many
 * @param seed the same one chooses the same points
 */
export function somePoints(choice: Choice, count: number, seed: number): Point[] {
  const random = randomFrom(seed);
  const groups = new Map<string, Point[]>();
  for (const point of shuffled(allPoints(choice), random)) {
    const name = `${point.phase} ${point.kind}`;
    groups.set(name, [...(groups.get(name) ?? []), point]);
  }
  const rounds = Math.max(0, ...Array.from(groups.values(), ({ length }) => length));
  const turns = Array.from({ length: rounds }, (_, i) => shuffled([...groups.values()], random).flatMap((group) => group[i] ?? []));
  return turns.flat().slice(0, count);
}

/**
 * Each moment of each phase once. The kinds take turns, and whether the app is opened offline and what comes next is drawn.
 *
 * @param choice phases and kinds
 * @param seed the same one chooses the same points; with as many in a row as there are kinds, each moment has its turn with each kind
 */
export function eachMoment({ phases, kinds }: Choice, seed: number): Point[] {
  const random = randomFrom(seed);
  return phases.flatMap((phase) =>
    momentsOf(phase).flatMap((moment, i) => {
      // One further with each turn: there are three moments to a request, and there may be three kinds.
      const kind = kinds[(seed + i + Math.floor(i / kinds.length)) % kinds.length];
      const isOffline = random() < 0.5 && HAS_APP.has(phase);
      const next = random() < 0.5 && phase !== 'install' ? 'three' : 'two';
      return kind === undefined ? [] : [{ phase, kind, moment, isOffline, next } as const];
    }),
  );
}

/** @returns a point in words, which no other has */
export function nameOf({ phase, kind, moment, isOffline, next }: Point): string {
  const when =
    'request' in moment
      ? `${moment.at} the answer of request ${moment.request}`.replace('middle the', 'in the middle of the')
      : `${moment.milliseconds} ms after the ${moment.since}`;
  return `${phase}: ${kind}, ${when}${isOffline ? ', opened offline' : ''}, then ${next}`;
}

/** Mulberry32: numbers from 0 to 1 that a seed repeats. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((value) => ({ value, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value);
}

import { KINDS, type Kind, PHASES, type Phase } from './plan.js';

/** What the person asked for. */
export interface Options {
  readonly phases: readonly Phase[];
  readonly kinds: readonly Kind[];
  /** How many, at most. */
  readonly points: number;
  readonly seed: number;
  /** Each moment of each phase once, however many these are. */
  readonly every: boolean;
}

/**
 * The options of a campaign, which `campaign.js` leaves in the environment: Playwright knows none but its own, and its processes read them
 * one by one.
 *
 * @param environment of the process
 * @throws Error for a phase or a kind that there is not
 */
export function optionsOf(environment: Readonly<Record<string, string | undefined>>): Options {
  const told = JSON.parse(environment.VOUCHSAFE_CAMPAIGN ?? '{}') as Partial<Options>;
  const options = { phases: PHASES, kinds: KINDS, points: 84, seed: 1, every: false, ...told };
  check('phase', options.phases, PHASES);
  check('kind', options.kinds, KINDS);
  return options;
}

function check(what: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no ${what} ${unknown}; there are ${known.join(', ')}.`);
}

import type { Expiry } from '../repository/release.js';
import { PublisherError } from './publisher-error.js';

const DAY = 24 * 60 * 60;

/**
 * How long each role's metadata lives. A short life shows a withheld update soon; a long one asks for fewer signatures.
 *
 * - root, 365 days: signed by people with offline keys, perhaps in one room; once a year is a date for a calendar.
 * - targets, 90 days: says which files are the app. A quarter without a release is rare, and signing anew costs one publish.
 * - snapshot, 30 days: says which targets go together.
 * - timestamp, 7 days: the only role that bounds how long an attacker can keep users on an old release unnoticed. A job twice a week renews it.
 */
const DEFAULTS: Expiry = { root: 365 * DAY, targets: 90 * DAY, snapshot: 30 * DAY, timestamp: 7 * DAY };

/**
 * The life of each role's metadata.
 *
 * @param given those that differ from the defaults, in seconds
 * @throws `bad-option` when one is not a positive number
 */
export function expiry(given: Partial<Expiry> = {}): Expiry {
  const all = { ...DEFAULTS, ...given };
  for (const [role, seconds] of Object.entries(all)) {
    // Metadata dates end in the year 9999; a hundred years is already a mistake.
    if (!(seconds > 0) || seconds > 36_500 * DAY)
      throw new PublisherError('bad-option', `The role ${role} cannot live for ${seconds / DAY} days.`);
  }
  return all;
}

/**
 * @param days a number of days
 * @returns seconds
 */
export function daysInSeconds(days: number): number {
  return Math.round(days * DAY);
}

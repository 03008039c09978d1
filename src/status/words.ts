import type { Freshness } from '../messages/messages.js';
import type { Activation } from '../release/manifest.js';

/** What a freshness means, as a heading and a sentence. */
export const FRESHNESS: Readonly<Record<Freshness, readonly [heading: string, sentence: string]>> = {
  fresh: ['Fresh', 'All signatures are current.'],
  stale: ['Stale', 'Signatures have expired and the server is out of reach. The site runs on as long as it may.'],
  frozen: ['Frozen', 'Signatures have expired. No page is opened until newer ones come.'],
  empty: ['No release', 'None has been verified yet.'],
};

/** When a staged release becomes the active one. */
export const ACTIVATION: Readonly<Record<Activation, string>> = {
  navigation: 'at the next navigation',
  prompt: 'when the app says so',
  immediate: 'at once',
};

/**
 * A span of time as a clock shows it.
 *
 * @param milliseconds how long
 * @returns such as "6 d 04:09:59"
 */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const days = Math.floor(seconds / 86_400);
  const clock = [(seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60]
    .map((part) => `${Math.floor(part)}`.padStart(2, '0'))
    .join(':');
  return days > 0 ? `${days} d ${clock}` : clock;
}

/**
 * How long until a time, or since.
 *
 * @param time milliseconds since 1970
 * @param now the same, of now
 * @returns such as "expires in 6 d 04:09:59" or "expired 00:00:12 ago"
 */
export function countdown(time: number, now: number): string {
  return time > now ? `expires in ${duration(time - now)}` : `expired ${duration(now - time)} ago`;
}

/**
 * A number of bytes.
 *
 * @param bytes how many; undefined when nobody knows
 * @returns such as "5.3 MB"
 */
export function size(bytes: number | undefined): string {
  if (bytes === undefined) return 'unknown';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power && 1)} ${units[power]}`;
}

import type { Freshness } from '../messages/messages.js';
import { type ErrorCode, VouchsafeError } from '../tuf/errors.js';
import { firstToExpire, type Release } from './release.js';

/**
 * What only an answer of the repository can be refused for: its signatures were right, but it is old. Everything else anybody on the way can
 * produce by accident, such as a network that wants a sign-in or a CDN's page of errors, and that must not take a working app away. (An expired
 * root is known without an answer; under it none counts, and somebody has said that there is no newer one.)
 */
const ANSWERS: ReadonlySet<ErrorCode> = new Set(['expired', 'rollback']);

/**
 * How current a release is.
 *
 * @param active the release, if there is one
 * @param now milliseconds since 1970
 * @param failure why the last update failed, if it did
 */
export function freshnessOf(active: Release | undefined, now: number, failure: VouchsafeError | undefined): Freshness {
  if (!active) return 'empty';
  if (now < firstToExpire(active).expires) return 'fresh';
  return now >= offlineUntil(active) || (failure && ANSWERS.has(failure.code)) ? 'frozen' : 'stale';
}

/** When the time ends for which a release's signers let it run without the server, in milliseconds since 1970. */
export function offlineUntil(release: Release): number {
  return firstToExpire(release).expires + release.manifest.offlineSeconds * 1000;
}

/**
 * The refusal of pages while a release is frozen.
 *
 * @param active the release
 * @param now milliseconds since 1970
 * @param failure why the last update failed, if it did
 * @returns `expired`, with the fact `offlineUntil` when no server has answered
 */
export function frozenRefusal(active: Release, now: number, failure: VouchsafeError | undefined): VouchsafeError {
  const { role, version, expires } = firstToExpire(active);
  const isOffline = failure?.code === 'unreachable' && failure.facts.status === undefined;
  const why = isOffline ? 'this device has been offline for longer than its signers allow' : 'no newer ones came';
  return new VouchsafeError('expired', `The ${role} signatures of this site have expired, and ${why}.`, {
    role,
    version,
    expected: `unexpired at ${new Date(now).toISOString()}`,
    actual: `expired ${new Date(expires).toISOString()}`,
    ...(isOffline && { offlineUntil: new Date(offlineUntil(active)).toISOString() }),
  });
}

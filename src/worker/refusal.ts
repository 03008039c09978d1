import type { Refusal } from '../messages/messages.js';
import { RESET_PAGE } from '../release/config.js';
import { type ErrorCode, VouchsafeError } from '../tuf/errors.js';
import { escapeHtml, plainPage } from './plain-page.js';

/** Anything thrown as one of ours. What is not is a failure of the browser's, such as a database that closes under us. */
export function asVouchsafeError(error: unknown): VouchsafeError {
  return error instanceof VouchsafeError ? error : new VouchsafeError('storage', `Unexpected: ${error}`, {}, error);
}

/** Characters of one fact. A server or a page script chooses some of them, and they are stored. */
const LONGEST = 1000;

/** An error as plain data, with long texts cut, for `postMessage`, the database and the refusal page. */
export function toRefusal(error: unknown): Refusal {
  const { code, message, facts } = asVouchsafeError(error);
  // Nothing but texts and numbers, whatever a page reports: it is stored, compared and sent as JSON.
  const cut = Object.entries(facts).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'string' ? [[name, value.slice(0, LONGEST)]] : typeof value === 'number' ? [[name, value]] : [],
  );
  return { code, message: message.slice(0, LONGEST), facts: Object.fromEntries(cut) };
}

/**
 * The answer to a request that is refused.
 *
 * A navigation, and the script of a worker, gets a real response: when the answer is a network error, Firefox asks the network instead, and
 * unregisters the service worker the third time. No engine runs a worker script whose status is not a success. All else gets a network error.
 *
 * @param request the refused request
 * @param refusal why
 * @param scope the worker's scope, under which the page to reset the app is; without it the page has no link there
 */
export function refusalResponse(request: Request, refusal: Refusal, scope?: URL): Response {
  if (request.mode !== 'navigate' && !request.destination.endsWith('worker')) return Response.error();
  return plainPage(503, 'This page was not shown', refusalText(refusal, scope));
}

/** What a person can do, by code. */
const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  'not-found': 'Check the address.',
  expired: 'Check this device’s clock, or wait for new signatures.',
  unreachable: 'Check your connection.',
  redirected: 'If this network wants you to sign in, do so.',
  storage: 'Allow this site to store data, or make room on the disk.',
  quota: 'Make room on the disk.',
  clock: 'Set this device’s clock.',
  'verifier-replaced': 'Do not reset this site. Tell its operators: their server may have been broken into.',
  'foreign-registration': 'Tell the site’s operators: part of it is under the control of another script.',
  uncontrolled: 'Close all tabs of this site and open it again.',
};
const ADVICE_OFFLINE = 'Connect to the internet, then load the page again: this device has been offline for too long.';
const ADVICE_OTHERWISE = 'Try another network. If it stays, tell the site’s operators: their server may have been broken into.';

function refusalText({ code, message, facts }: Refusal, scope: URL | undefined): string {
  const { diagnosis, offlineUntil } = facts;
  const advice = offlineUntil ? ADVICE_OFFLINE : (ADVICE[diagnosis === 'login page' ? 'redirected' : code] ?? ADVICE_OTHERWISE);
  const rows = Object.entries({ reason: code, ...facts }).map(([name, value]) => `<dt>${name}<dd>${escapeHtml(`${value}`)}`);
  return `<p>This site shows only what its signers vouched for.
<p>${escapeHtml(message)}${diagnosis ? ` What came instead seems to be: ${escapeHtml(diagnosis)}.` : ''}
<p>${advice} Then <a href="">try again</a>.<dl>${rows.join('')}</dl>${
    scope ? `<p>If nothing else helps: <a href="${escapeHtml(scope.href + RESET_PAGE)}">reset this site</a>.` : ''
  }`;
}

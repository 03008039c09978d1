import type { Violation } from './messages.js';

/** A `fetch` that reports, without its signal: the same from the worker as from a page. */
export interface ReportRequest {
  readonly method: 'POST';
  readonly headers: { readonly 'content-type': string };
  readonly body: string;
  readonly credentials: 'omit';
  readonly redirect: 'error';
  readonly referrerPolicy: 'no-referrer';
}

/**
 * One report, as the Reporting API has them.
 *
 * @param violation what is reported
 * @param url the app
 * @param userAgent the browser
 * @param release id of the active release
 * @returns JSON
 */
export function reportOf(
  { code, message, during, facts, time }: Violation,
  url: string,
  userAgent: string,
  release: string,
): string {
  return JSON.stringify({
    type: 'vouchsafe-violation',
    // A clock that was set back since must not make it come from the future.
    age: Math.max(0, Date.now() - time),
    url,
    user_agent: userAgent,
    body: { ...facts, code, message, during, release },
  });
}

/**
 * @param reports what `reportOf` returned
 * @returns the request that sends them
 */
export function reportRequest(reports: readonly string[]): ReportRequest {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/reports+json' },
    body: `[${reports.join()}]`,
    credentials: 'omit',
    redirect: 'error',
    referrerPolicy: 'no-referrer',
  };
}

import type { Violation } from '../messages/messages.js';
import { reportOf, reportRequest } from '../messages/report.js';

/** Where reports go, as the worker said while it was trusted. */
export interface ReportsTo {
  /** Absolute URL of the signed endpoint. */
  readonly url: string;
  /** Id of the active release. */
  readonly release: string;
}

/**
 * Sends one violation to the signed endpoint, from the page. Nobody waits for it, and nobody is told when it does not arrive: another worker
 * that controls this page already sees it first.
 *
 * @param violation what is reported
 * @param to where
 * @param scope the worker's
 */
export function sendReport(violation: Violation, { url, release }: ReportsTo, scope: string): void {
  const report = reportOf(violation, scope, navigator.userAgent, release);
  // It may outlive the page, which its person is told to close.
  fetch(url, { ...reportRequest([report]), keepalive: true }).catch(() => {});
}

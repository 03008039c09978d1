import type { VouchsafeError } from '../tuf/errors.js';

/**
 * A client's refusal in one sentence, with the facts that help to act on it.
 *
 * @param error the refusal
 * @returns text for a terminal
 */
export function describeRefusal(error: VouchsafeError): string {
  const { path, role, version, url, expected, actual, status } = error.facts;
  const facts = [
    path !== undefined && `file ${path}`,
    role !== undefined && `role ${role}${version === undefined ? '' : ` version ${version}`}`,
    url !== undefined && `at ${url}`,
    status !== undefined && `status ${status}`,
    expected !== undefined && `expected ${expected}`,
    actual !== undefined && `found ${actual}`,
  ].filter((fact) => fact !== false);
  const details = facts.length === 0 ? '' : `: ${facts.join(', ')}`;
  return `${error.message.replace(/\.$/, '')} (${error.code}${details}).`;
}

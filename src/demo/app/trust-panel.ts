import type { Status, Violation } from '../../messages/messages.js';
import { element, replace, textElement } from './elements.js';

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** @returns such as "in 6 days"; `time` in milliseconds since 1970 */
function fromNow(time: number): string {
  const seconds = (time - Date.now()) / 1000;
  const [size, unit] =
    Math.abs(seconds) > 172_800
      ? ([86_400, 'day'] as const)
      : Math.abs(seconds) > 7200
        ? ([3600, 'hour'] as const)
        : ([60, 'minute'] as const);
  return relative.format(Math.trunc(seconds / size), unit);
}

/**
 * Shows what the worker says it trusts.
 *
 * @param status from `Vouchsafe.status()`
 */
export function showTrust(status: Status): void {
  const freshness = element('freshness');
  freshness.textContent = status.freshness;
  freshness.dataset.freshness = status.freshness;
  const { active, staged } = status;
  element('active').textContent = active
    ? `Release ${active.id}: ${active.files} files, ${Math.ceil(active.bytes / 1000)} kB.${staged ? ` Release ${staged.id} waits for the next navigation.` : ''}`
    : 'No release is active.';
  replace(
    element('roles'),
    ROLES.map((role) => {
      const row = document.createElement('tr');
      const trusted = status[role];
      const name = textElement('th', role);
      name.scope = 'row';
      const expires = textElement('td', trusted ? fromNow(trusted.expires) : '–');
      if (trusted) expires.title = new Date(trusted.expires).toISOString();
      row.append(name, textElement('td', trusted ? String(trusted.version) : '–'), expires);
      row.dataset.role = role;
      return row;
    }),
  );
  element('counts').textContent =
    `${status.filesVerified} files hashed and served since the worker started (life ${status.life.slice(0, 8)}).`;
  showViolations(status.violations);
}

/** What is told of a violation, in this order. */
const FACTS = ['diagnosis', 'path', 'role', 'version', 'url', 'status', 'expected', 'actual'] as const;

function violationItem(violation: Violation): HTMLLIElement {
  const item = document.createElement('li');
  const head = document.createElement('p');
  const time = textElement('time', new Date(violation.time).toLocaleTimeString('en', { hour12: false }));
  time.dateTime = new Date(violation.time).toISOString();
  head.append(textElement('strong', violation.code), ' ', violation.message, ' ', time);
  const facts = document.createElement('dl');
  for (const name of FACTS) {
    const value = violation.facts[name];
    if (value !== undefined) facts.append(textElement('dt', name), textElement('dd', String(value)));
  }
  item.append(head, facts);
  item.dataset.code = violation.code;
  return item;
}

function showViolations(violations: readonly Violation[]): void {
  element('violation-count').textContent = violations.length === 0 ? '– none so far' : `(${violations.length})`;
  replace(element('violations'), [...violations].reverse().map(violationItem));
}

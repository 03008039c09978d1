import type { RoleKeys, Status, StoredRelease, TrustedRole, Violation } from '../messages/messages.js';
import { byId, date, make, terms, timeElement } from './elements.js';
import { ACTIVATION, countdown, duration, FRESHNESS, size } from './words.js';

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

/** What the page shows of the violations; the rest is in status.json. */
const VIOLATIONS_SHOWN = 50;

/**
 * Shows what the worker trusts.
 *
 * @param status from the worker
 */
export function showStatus(status: Status): void {
  const opened = new Set([...document.querySelectorAll('details[open]')].map(({ id }) => id));
  const [heading, sentence] = FRESHNESS[status.freshness];
  byId('now').className = status.freshness;
  byId('state').textContent = heading;
  byId('sentence').textContent = status.reportOnly ? `Report-only: nothing is refused but what is enforced. ${sentence}` : sentence;
  byId('roles').replaceChildren(...ROLES.map((role) => roleRow(role, status[role], status.keys[role])));
  const { releases, storage, violations, offlineUntil } = status;
  byId('releases').replaceChildren(...releases.map((release) => releaseRow(release, status.pinned)));
  byId('activate').hidden = !status.staged;
  byId('facts').replaceChildren(
    ...terms({
      Used: storage.usage === undefined ? 'unknown' : `${size(storage.usage)} of ${size(storage.quota)}`,
      'Kept in': storage.kept === 'memory' ? 'memory only: storage cannot be used here' : 'IndexedDB',
      'Kept for good': storage.persisted ? 'yes' : 'no: on a full disk the browser may evict it',
      'Runs offline': offlineUntil && `until ${date(offlineUntil)}`,
      Clock: status.clockBehind ? `${duration(status.clockBehind)} behind the latest signed time` : 'not behind signed times',
      Activation: ACTIVATION[status.activation],
      Verified: `${status.filesVerified} files since the worker started`,
    }),
  );
  byId('none').textContent = violations.length ? `${violations.length}, newest first` : 'None.';
  byId('violations').replaceChildren(...violations.map(violationItem).reverse().slice(0, VIOLATIONS_SHOWN));
  for (const element of document.querySelectorAll('details')) element.open = opened.has(element.id);
  tick();
}

/** Shows how long the signatures are still good. To be called each second. */
export function tick(): void {
  for (const cell of document.querySelectorAll<HTMLTimeElement>('#roles time')) {
    const expires = Date.parse(cell.dateTime);
    const now = Date.now();
    cell.textContent = countdown(expires, now);
    cell.className = expires > now ? '' : 'late';
  }
}

function roleRow(role: string, trusted: TrustedRole | undefined, keys: RoleKeys | undefined): HTMLElement {
  const signers = keys
    ? details(`keys-${role}`, [`${keys.threshold} of ${keys.keyids.length} keys`], ...keys.keyids.map((id) => make('code', id)))
    : 'unknown';
  if (!trusted) return row(role, 'none', signers, '');
  const expires = make('div', timeElement(trusted.expires), make('small', date(trusted.expires)));
  return row(role, `version ${trusted.version}`, signers, expires);
}

function releaseRow({ id, state, files, bytes, clients }: StoredRelease, pinned: string | undefined): HTMLElement {
  const pages = `${clients} page${clients === 1 ? '' : 's'}${id === pinned ? ', this too' : ''}`;
  return row(id, state, `${files} files, ${size(bytes)}`, pages);
}

function row(name: string, ...cells: readonly (Node | string)[]): HTMLElement {
  const head = make('th', name);
  head.scope = 'row';
  return make('tr', head, ...cells.map((cell) => make('td', cell)));
}

/** The list only grows at its end, so that a place in it names one violation. */
function violationItem({ code, message, time, during, facts }: Violation, place: number): HTMLElement {
  const { diagnosis } = facts;
  const summary = [make('b', code, diagnosis ? `: ${diagnosis}` : ''), make('small', message, ' ', timeElement(time))];
  return make('li', details(`${time}-${place}`, summary, make('dl', ...terms({ during, ...facts }))));
}

function details(id: string, summary: readonly (Node | string)[], ...children: readonly Node[]): HTMLDetailsElement {
  const made = make('details', make('summary', ...summary), ...children);
  made.id = id;
  return made;
}

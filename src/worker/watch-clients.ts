import { VouchsafeError } from '../tuf/errors.js';
import type { ReplyParts } from './replies.js';

/** How long (milliseconds) a page is left to load before the browser is asked for its clients, which takes both their time. */
const LOOK_AFTER = 1_000;

/** What is used of the worker's `clients`. */
interface Windows {
  matchAll(options: {
    readonly type: 'window';
    readonly includeUncontrolled: boolean;
  }): Promise<readonly { readonly id: string; readonly url: string }[]>;
}

/**
 * Makes what looks for open pages under the scope that this worker does not control, and reports each once: somebody else answers their requests.
 * They were loaded past the worker, as by a hard reload, or are another worker's. Our own pages notice that themselves; an attacker's do not.
 *
 * @param parts the worker's
 * @param clients the worker's
 * @returns looks, some time after it is called: during a navigation that this worker is asked about, when it is the active one. Never rejects
 */
export function clientWatch(
  { registration, violations, report }: Pick<ReplyParts, 'registration' | 'violations' | 'report'>,
  clients: Windows,
): () => Promise<void> {
  const reported = new Set<string>();
  const windows = (includeUncontrolled: boolean) => clients.matchAll({ type: 'window', includeUncontrolled });
  return async () => {
    const { active } = registration;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AFTER));
    // Before and after: a page may be closed or opened between two questions.
    const lists = [() => windows(false), () => windows(true), () => windows(false)].map((list) => list().catch(() => []));
    const [before = [], all = [], after = []] = await Promise.all(lists);
    // When another worker has taken over, all pages are that one's.
    if (registration.active !== active) return;
    const controlled = new Set([...before, ...after].map(({ id }) => id));
    const past = all.filter(({ id, url }) => !controlled.has(id) && !reported.has(id) && url.startsWith(registration.scope));
    for (const { id, url } of past) {
      reported.add(id);
      // The facts of what a page notices of itself: both are one violation.
      const facts = { url, expected: 'a page that the worker controls', actual: 'no controller' };
      await violations.record(
        new VouchsafeError('uncontrolled', 'A page is open that the worker does not control.', facts),
        'watch',
      );
    }
    if (past.length > 0) await report();
  };
}

import type { Refusal } from '../messages/messages.js';

/**
 * @param message what happened
 * @param actual instead of a page that is controlled
 * @returns the refusal
 */
export function uncontrolled(message: string, actual: string): Refusal {
  return { code: 'uncontrolled', message, facts: { url: location.href, expected: 'a page that the worker controls', actual } };
}

/**
 * Whether this page was loaded past the worker that was there: by a hard reload, or because something took the worker's control away. To be asked
 * before the worker is registered, which looks the same on a first visit.
 *
 * @returns the refusal to report, if it was
 */
export async function pastTheWorker(): Promise<Refusal | undefined> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  const before = container?.controller === null ? await container.getRegistration() : undefined;
  if (before?.active?.state !== 'activated' || container?.controller !== null) return undefined;
  return uncontrolled('A page was loaded past the worker, as by a hard reload.', 'no controller');
}

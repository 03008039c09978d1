/** How often a page looks for a newer release. */
export interface LookOptions {
  /** Seconds between two looks while the page is visible, 3600 by default; each wait is up to a fifth longer or shorter. */
  readonly every?: number;
  /**
   * Seconds between two looks while no page is open, half a day by default, where the browser does that and the person has installed the
   * app. The browser may take longer.
   */
  readonly periodic?: number;
}

/** The two objects of a page that say when to look. */
export interface PageEvents {
  readonly window: EventTarget;
  readonly document: EventTarget & { readonly visibilityState: DocumentVisibilityState };
}

/** A network that comes back brings all its devices back at once; their looks are spread over this, in milliseconds. */
const ONLINE_SPREAD = 10_000;
/** Milliseconds. A timer that is longer than 24.8 days ends at once. */
const LONGEST_WAIT = 7 * 86_400_000;
/** The tag of the periodic background sync. */
const PERIODIC_TAG = 'vouchsafe';

/**
 * Looks for a newer release while a page is open: at an interval while it is visible, when it becomes visible after a tenth of that or
 * more, and when the device is online again.
 *
 * @param look asks the worker, which decides whether it is too early
 * @param every seconds between two looks
 * @param page whose events are listened to
 * @param signal ends it
 * @param random as `Math.random`
 * @param now as `Date.now`
 */
export function scheduleLooks(
  look: () => Promise<unknown>,
  every: number,
  page: PageEvents,
  signal: AbortSignal,
  random: () => number = Math.random,
  now: () => number = Date.now,
): void {
  const interval = Math.min(every > 1 ? every * 1000 : 1000, LONGEST_WAIT);
  // The page came from a navigation, and the worker looks at those.
  let last = now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let online: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    clearTimeout(timer);
    if (page.document.visibilityState === 'visible') timer = setTimeout(begin, interval * (0.8 + 0.4 * random()));
  };
  const begin = () => {
    last = now();
    wait();
    look().catch(() => {});
  };
  const visible = () => {
    if (page.document.visibilityState === 'visible' && now() - last >= interval / 10) begin();
    else wait();
  };
  const isOnline = () => {
    clearTimeout(online);
    online = setTimeout(begin, ONLINE_SPREAD * random());
  };
  page.document.addEventListener('visibilitychange', visible, { signal });
  page.window.addEventListener('online', isOnline, { signal });
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    clearTimeout(online);
  });
  wait();
}

/** Chromium's periodic background sync, not in TypeScript's types. */
interface WithPeriodicSync extends ServiceWorkerRegistration {
  readonly periodicSync?: { register(tag: string, options: { minInterval: number }): Promise<void> };
}

/**
 * Asks the browser to wake the worker now and then while no page is open. Does nothing where the browser or the person does not allow it.
 *
 * @param registration the worker's
 * @param seconds least time between two wake-ups
 */
export async function registerPeriodicSync(registration: WithPeriodicSync, seconds: number): Promise<void> {
  try {
    if (!registration.periodicSync) return;
    const name = 'periodic-background-sync' as PermissionName;
    if ((await navigator.permissions.query({ name })).state !== 'granted') return;
    await registration.periodicSync.register(PERIODIC_TAG, { minInterval: seconds * 1000 });
  } catch {
    // A browser that has it for no page of this kind, such as one in a frame. The page's own looks remain.
  }
}

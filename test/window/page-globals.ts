import { vi } from 'vitest';
import type { FakeContainer } from './fake-container.js';

/** What a test sees of the page that it pretends to be in. */
export interface FakePage {
  readonly document: EventTarget & { visibilityState: DocumentVisibilityState };
  readonly reload: ReturnType<typeof vi.fn<() => void>>;
  readonly persist: ReturnType<typeof vi.fn<() => Promise<boolean>>>;
}

/**
 * Puts the parts of a page that `src/window` uses into the global scope, until `vi.unstubAllGlobals()`.
 *
 * @param container the service workers of the page
 * @returns the page
 */
export function enterPage(container: FakeContainer | undefined): FakePage {
  const page: FakePage = {
    document: Object.assign(new EventTarget(), { visibilityState: 'visible' as const, baseURI: 'https://example.org/app/' }),
    reload: vi.fn<() => void>(),
    persist: vi.fn(async () => true),
  };
  const stored = new Map<string, string>();
  const events = new EventTarget();
  vi.stubGlobal('window', events);
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events));
  vi.stubGlobal('document', page.document);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('location', { href: 'https://example.org/app/', reload: page.reload });
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  });
  vi.stubGlobal('navigator', { serviceWorker: container, storage: { persisted: async () => false, persist: page.persist } });
  return page;
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import type { Replies, WorkerEvent } from '../../src/messages/messages.js';

const BUILT = fileURLToPath(new URL('../../dist/bundles/status.html', import.meta.url));

/** What the page is told instead of what a worker would say: by request, its reply; an event before each reply to `verify`. */
export interface Answers {
  readonly replies: Partial<Replies>;
  readonly verifying?: Extract<WorkerEvent, { vouchsafe: 'verifying' }>;
}

/** @returns the policy that lets the page's own script and style work, and nothing else */
export async function statusPolicy(): Promise<string> {
  const page = await readFile(BUILT, 'utf8');
  const hash = (tag: string): string => {
    const text = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(page)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  return `default-src 'none'; img-src 'self'; script-src ${hash('script')}; style-src ${hash('style')}; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
}

/**
 * Serves the built page with its policy, at every address.
 *
 * @returns the origin, and what closes it
 */
export async function serveStatusPage(): Promise<{ origin: string; close(): Promise<void> }> {
  const [page, policy] = await Promise.all([readFile(BUILT), statusPolicy()]);
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/**
 * From its next load on, a page finds a service worker that gives these answers.
 *
 * @param page the tab
 * @param answers what it says
 */
export async function pretendWorker(page: Page, answers: Answers): Promise<void> {
  await page.addInitScript(({ replies, verifying }: Answers) => {
    const container = Object.assign(new EventTarget(), {
      controller: {},
      startMessages() {},
      async getRegistration() {
        return {
          scope: `${location.origin}/`,
          active: {
            postMessage({ vouchsafe }: { vouchsafe: keyof Replies }, [port]: [MessagePort]) {
              const value = replies[vouchsafe];
              if (vouchsafe === 'verify') {
                container.dispatchEvent(new MessageEvent<unknown>('message', { data: verifying }));
                if (value === undefined) return;
              }
              port.postMessage({ ok: true, value });
            },
          },
        };
      },
    });
    Object.defineProperty(navigator, 'serviceWorker', { value: container, configurable: true });
    Object.assign(window, { pretended: container });
  }, answers);
}

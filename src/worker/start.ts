import { clientsClaim } from 'workbox-core/clientsClaim.js';
import type { RouteHandlerCallback } from 'workbox-core/types.js';
import type { Request as PageRequest, Reply, WorkerEvent } from '../messages/messages.js';
import type { WorkerConfig } from '../release/config.js';
import { Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import { answerer } from './answerer.js';
import { refusalResponse, toRefusal } from './refusal.js';
import { ReleaseKeeper } from './release-keeper.js';
import { ViolationLog } from './violation-log.js';

export type { WorkerConfig } from '../release/config.js';

declare const self: ServiceWorkerGlobalScope;

/**
 * Makes this service worker serve only what the signers vouched for. To be called once, while the worker script first runs.
 *
 * From then on every request of the worker's clients is answered here: an error on the way is a refusal, not the network's answer.
 * Nothing in this function throws, whatever the configuration holds; a worker that throws while it starts is one that the browser
 * passes by.
 *
 * @param config the trusted root and where the repository is
 */
export function startWorker(config: WorkerConfig): void {
  const scope = new URL(self.registration.scope);
  const store = new Store(scope.href);
  const violations = new ViolationLog(store, announce);
  const keeper = new ReleaseKeeper(config, scope, store, violations, announce);
  const answer = answerer(config, scope, keeper, isEmbedded);

  // First and synchronously: a listener that returns or throws before `respondWith` leaves the request to the network.
  self.addEventListener('fetch', (event) => event.respondWith(answerOrRefuse(event, answer, violations).catch(lastResort)));

  self.addEventListener('message', (event) => {
    const request = event.data as PageRequest | undefined;
    const port = event.ports[0];
    if (port && request?.vouchsafe) event.waitUntil(reply(keeper, request, event).then((answer) => port.postMessage(answer)));
  });

  self.addEventListener('install', (event) => {
    void self.skipWaiting();
    event.waitUntil(switchOffAutoPreload(event).catch(() => {}));
  });
  clientsClaim();
}

async function answerOrRefuse(event: FetchEvent, answer: RouteHandlerCallback, violations: ViolationLog): Promise<Response> {
  try {
    return await answer({ event, request: event.request, url: new URL(event.request.url) });
  } catch (error) {
    event.waitUntil(violations.record(error, 'request'));
    return refusalResponse(event.request, toRefusal(error));
  }
}

/** A rejected `respondWith` makes Firefox load the network's page, so not even a fault in the refusal may reject. */
function lastResort(): Response {
  return new Response(null, { status: 503 });
}

async function reply(keeper: ReleaseKeeper, request: PageRequest, event: ExtendableEvent): Promise<Reply> {
  try {
    switch (request.vouchsafe) {
      case 'status':
        return { ok: true, value: await keeper.status((work) => event.waitUntil(work)) };
      case 'update':
        return { ok: true, value: await keeper.updateFromNow() };
      case 'activate':
        return { ok: true, value: { activated: await keeper.activate() } };
      case 'look':
        await keeper.update();
        return { ok: true, value: null };
      default:
        throw new VouchsafeError('unsupported', 'Unknown request.');
    }
  } catch (error) {
    return { ok: false, refusal: toRefusal(error) };
  }
}

async function isEmbedded(): Promise<boolean> {
  const clients = await self.clients.matchAll({ type: 'window' });
  return clients.every(({ frameType }) => frameType === 'nested');
}

async function announce(event: WorkerEvent): Promise<void> {
  try {
    // The loader is not controlled yet when the first release arrives.
    const clients = await self.clients.matchAll({ includeUncontrolled: true, type: 'window' });
    for (const client of clients) if (client.url.startsWith(self.registration.scope)) client.postMessage(event);
  } catch {
    // Nobody hears it; what it is about goes on all the same.
  }
}

/** Chromium's static routes, not yet in TypeScript's types. */
interface InstallEventWithRoutes extends ExtendableEvent {
  addRoutes?(rules: { condition: { urlPattern: { pathname: string } }; source: string }): Promise<void>;
}

/**
 * Chromium sends a navigation that starts a stopped worker to the network as well ("ServiceWorkerAutoPreload"). The answer is thrown
 * away, but the request tells the server what is opened, and costs it. A static route that names the fetch handler switches that off.
 * Where that is not possible the worker still works as it should.
 */
async function switchOffAutoPreload(event: InstallEventWithRoutes): Promise<void> {
  await event.addRoutes?.({ condition: { urlPattern: { pathname: '/*' } }, source: 'fetch-event' });
}

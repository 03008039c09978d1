import { clientsClaim } from 'workbox-core/clientsClaim.js';
import type { Request as PageRequest } from '../messages/messages.js';
import type { WorkerConfig } from '../release/config.js';
import { answer } from './answerer.js';
import { answerOwnPage } from './own-pages.js';
import { partsOf } from './parts.js';
import { refusalResponse, toRefusal } from './refusal.js';
import { type ReplyParts, replyTo } from './replies.js';
import { answerReportOnly } from './report-only.js';
import { vetNext } from './vet.js';
import { clientWatch } from './watch-clients.js';

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
  // Answers go from here to the engine, which copies a chunk before it asks for the next, as the specification has it ("respondWith" queues "a copy of" its
  // bytes). Nobody else in this worker reads them, and a page only ever gets the engine's copy.
  const parts = partsOf(config, 'engine');
  const lookForPages = clientWatch(parts, self.clients);
  // First and synchronously: a listener that returns or throws before `respondWith` leaves the request to the network.
  self.addEventListener('fetch', (event) => {
    event.respondWith(answerOrRefuse(event, parts).catch(lastResort));
    // Here: of an event that was answered no other listener hears.
    if (event.request.mode === 'navigate') event.waitUntil(lookForPages());
  });
  attend(parts);
  self.addEventListener('install', (event) => {
    // Beside another worker it waits until that one, or a page, has found it signed: one that does not wait looks like one nobody signed.
    if (!self.registration.active) void self.skipWaiting();
    event.waitUntil(switchOffAutoPreload(event).catch(() => {}));
  });
  clientsClaim();
}

/**
 * Answers a request, or refuses it.
 *
 * @param event the request
 * @param parts what answers are made from
 * @returns a response, also when it is a refusal. Never rejects for what is refused
 */
export async function answerOrRefuse(event: FetchEvent, parts: ReplyParts): Promise<Response> {
  try {
    parts.updates.lookAtStart((work) => event.waitUntil(work));
    const own = await answerOwnPage(event, parts);
    if (own) return own;
    return await (parts.config.reportOnly ? answerReportOnly(event, parts) : answer(event, parts));
  } catch (error) {
    event.waitUntil(parts.violations.record(error, 'request').then(parts.report));
    return refusalResponse(event.request, toRefusal(error), parts.scope);
  }
}

/**
 * Listens to everything but requests: what pages ask, the browser's own reminders, and another worker that is being installed.
 *
 * @param parts the worker's
 */
export function attend(parts: ReplyParts): void {
  const { releases, updates, registration } = parts;
  self.addEventListener('message', (event) => {
    const request = event.data as PageRequest | undefined;
    const port = event.ports[0];
    if (request?.vouchsafe === 'take-over') event.waitUntil(self.skipWaiting());
    if (!port || !request?.vouchsafe) return;
    const client = (event.source as Client | null)?.id ?? '';
    const replied = replyTo(request, client, parts, (work) => event.waitUntil(work)).then((reply) => port.postMessage(reply));
    // Nobody waits for what is then on its way to the operators, but the browser may end a worker that has nothing to do.
    event.waitUntil(request.vouchsafe === 'update' ? replied.then(parts.report) : replied);
  });
  self.addEventListener('periodicsync', (event) =>
    (event as ExtendableEvent).waitUntil(releases.open().then(() => updates.look())),
  );
  // Pages do the same, but there may be none that does. Nothing keeps the worker alive for this event, and the worker that is being installed
  // gets it, too: it must leave the store to the active one.
  registration.addEventListener('updatefound', () => {
    if (releases.isOpen) void vetNext(parts).catch(() => {});
  });
}

/** @returns an empty answer: a rejected `respondWith` makes Firefox load the network's page, so not even a fault in the refusal may reject */
export function lastResort(): Response {
  return new Response(null, { status: 503 });
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

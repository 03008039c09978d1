import type { RouteHandlerObject, WorkboxPlugin } from 'workbox-core/types.js';
import type { WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { answer, expectedFile, isReport, releaseFor } from './answerer.js';
import { checkedBody } from './checked-body.js';
import { partsOf } from './parts.js';
import { refusalResponse, toRefusal } from './refusal.js';
import type { ReplyParts } from './replies.js';
import { comparisonFor } from './report-only.js';
import { routeRequest } from './route-request.js';
import { answerOrRefuse, attend, lastResort } from './start.js';
import { clientWatch } from './watch-clients.js';

export type { WorkerConfig } from '../release/config.js';

declare const self: ServiceWorkerGlobalScope;

/** Vouchsafe inside a worker whose routes are Workbox's. */
export interface VouchsafeForWorkbox {
  /** Answers from the signed release, as `startWorker` does: for `registerRoute` and `setDefaultHandler`. */
  readonly handler: RouteHandlerObject;
  /** Verifies what a Workbox strategy got from the network or a cache, and hands on signed headers only. */
  readonly plugin: WorkboxPlugin;
}

/**
 * For workers that Workbox routes: the same checks, for the routes that use one of the two. What other routes answer is not verified, and
 * what no route answers comes from the network: `setDefaultHandler(handler)` closes that.
 *
 * To be called once, while the worker script first runs.
 *
 * @param config the trusted root and where the repository is
 */
export function vouchsafeForWorkbox(config: WorkerConfig): VouchsafeForWorkbox {
  // Other code of this worker may clone an answer, and still have to read what another reader is done with, or write to what it read.
  const parts = partsOf(config, 'worker');
  attend(parts);
  const lookForPages = clientWatch(parts, self.clients);
  const lookAt = async (event: FetchEvent): Promise<void> => {
    if (event.request.mode === 'navigate') event.waitUntil(lookForPages());
  };
  /** What `verified` returned. */
  const checked = new WeakSet<Response>();
  const check = async (request: Request, response: Response, event: ExtendableEvent): Promise<Response> => {
    const answer = await verified(request, response, event, parts);
    checked.add(answer);
    return answer;
  };
  const record = (error: unknown, event: ExtendableEvent): void =>
    event.waitUntil(parts.violations.record(error, 'request').then(parts.report));
  return {
    handler: {
      // Workbox's window asks by message (CACHE_URLS): no request of a page, whose release would say what the answer has to be.
      handle: async ({ event }) => {
        if (!(event instanceof FetchEvent)) return Response.error();
        const answered = answerOrRefuse(event, parts).catch(lastResort);
        // An event that is over takes no more work. The answer stands.
        await lookAt(event).catch(() => {});
        return answered;
      },
    },
    plugin: {
      // Before anything is asked for: said where the strategy is set up, and not when the worker is out.
      requestWillFetch: async ({ request, event }) => {
        checkIsRequest(event);
        return request;
      },
      // Recorded here: of what is refused, a strategy that has something else to answer with says nothing.
      fetchDidSucceed: ({ request, response, event, state }) =>
        check(request, response, event).catch(async (error) => {
          record(error, event);
          // What the strategy throws in the end need not say why.
          if (state) state.refusal = error;
          throw error;
        }),
      // What does not match counts as not cached; the strategy asks the network then, and `fetchDidSucceed` checks that.
      cachedResponseWillBeUsed: async ({ request, cachedResponse, event }) => {
        if (!cachedResponse || !(event instanceof FetchEvent)) return null;
        return check(request, cachedResponse, event).catch(async (error) => {
          await parts.violations.record(error, 'storage');
          return null;
        });
      },
      // The answer to a navigation preload comes past `fetchDidSucceed`. Which response it became, once other plugins had it, nobody can say.
      handlerWillRespond: async ({ request, response, event }) => {
        // First: a preload that never comes must not keep back what was checked.
        if (checked.has(response)) return response;
        const preloaded = event instanceof FetchEvent && (await Promise.resolve(event.preloadResponse).catch(() => undefined));
        if (!preloaded) return response;
        return check(request, response, event).catch((error) => {
          record(error, event);
          return refusalResponse(request, toRefusal(error), parts.scope);
        });
      },
      // A rejected `respondWith` makes Firefox load the network's page.
      handlerDidError: async ({ request, event, state }) => {
        // Of what no page asked for, the strategy's own error says more.
        if (!(event instanceof FetchEvent)) return undefined;
        const offline = new VouchsafeError('unreachable', 'The site cannot be reached.', { url: request.url });
        return refusalResponse(request, toRefusal(state?.refusal ?? offline), parts.scope);
      },
    },
  };
}

/**
 * Precaching asks while the worker is installed, when the release that this worker is for need not be there; Workbox's window asks by message.
 * Neither is the request of a page, whose release would say what the answer has to be.
 */
function checkIsRequest(event: ExtendableEvent): asserts event is FetchEvent {
  if (event instanceof FetchEvent) return;
  throw new VouchsafeError(
    'unsupported',
    `The plugin checks what pages are answered with, not what a worker stores by itself (${event.type}): use the handler in the place of precaching.`,
  );
}

/** The same bytes, checked, under the signed headers. When the worker only reports, the response as it is. */
async function verified(request: Request, response: Response, event: ExtendableEvent, parts: ReplyParts): Promise<Response> {
  checkIsRequest(event);
  const { config, scope, releases, updates } = parts;
  updates.lookAtStart((work) => event.waitUntil(work));
  const wanted = routeRequest(request, new URL(request.url), scope, config.passthrough);
  if (wanted === 'network' || isReport(request, parts)) return response;
  const purpose = wanted === 'document' || wanted === 'frame' ? wanted : 'subresource';
  await releases.open();
  // Unregistered by the signers; until its last page has gone the worker is still asked.
  if (releases.active?.manifest.tombstone) return response;
  const compare = config.reportOnly ? await comparisonFor(purpose === 'document', event, parts) : 'enforced';
  if (compare !== 'enforced') {
    compare(response);
    return response;
  }
  const release = await releaseFor(purpose, event, parts);
  const file = await expectedFile(release, request, parts);
  if (file instanceof VouchsafeError) throw file;
  // A signed redirect, or a name that browsers guess: the network has no say in either.
  if (!file) return answer(event, parts);
  // A response that cannot be read cannot be checked.
  if (response.type === 'opaque') {
    throw new VouchsafeError('forbidden', 'The answer of another origin cannot be read, so it cannot be verified.', {
      url: request.url,
    });
  }
  const bytes = await checkedBody(response, request.url, file, release, await releases.older(file.path));
  parts.onVerified();
  return new Response(bytes, { headers: [...headersFor(release.manifest, file.path)] });
}

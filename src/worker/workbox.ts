import type { RouteHandlerObject, WorkboxPlugin } from 'workbox-core/types.js';
import type { WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile } from '../tuf/file.js';
import { answer, expectedFile, releaseFor } from './answerer.js';
import { partsOf } from './parts.js';
import { refusalResponse, toRefusal } from './refusal.js';
import type { ReplyParts } from './replies.js';
import { routeRequest } from './route-request.js';
import { answerOrRefuse, attend } from './start.js';

export type { WorkerConfig } from '../release/config.js';

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
  const parts = partsOf(config);
  attend(parts);
  return {
    handler: { handle: ({ event }) => answerOrRefuse(event as FetchEvent, parts) },
    plugin: {
      // Recorded here: of what is refused, a strategy that has something else to answer with says nothing.
      fetchDidSucceed: ({ request, response, event, state }) =>
        verified(request, response, event, parts).catch(async (error) => {
          event.waitUntil(parts.violations.record(error, 'request').then(parts.report));
          // What the strategy throws in the end need not say why.
          if (state) state.refusal = error;
          throw error;
        }),
      // What does not match counts as not cached; the strategy asks the network then, and `fetchDidSucceed` checks that.
      cachedResponseWillBeUsed: async ({ request, cachedResponse, event }) => {
        if (!cachedResponse) return null;
        return verified(request, cachedResponse, event, parts).catch(async (error) => {
          await parts.violations.record(error, 'storage');
          return null;
        });
      },
      // A rejected `respondWith` makes Firefox load the network's page.
      handlerDidError: async ({ request, state }) => {
        const offline = new VouchsafeError('unreachable', 'The site cannot be reached.', { url: request.url });
        return refusalResponse(request, toRefusal(state?.refusal ?? offline), parts.scope);
      },
    },
  };
}

/** The same bytes, checked, under the signed headers. */
async function verified(request: Request, response: Response, event: ExtendableEvent, parts: ReplyParts): Promise<Response> {
  const wanted = routeRequest(request, parts.scope, parts.config.passthrough);
  if (wanted === 'network') return response;
  const purpose = wanted === 'document' || wanted === 'frame' ? wanted : 'subresource';
  await parts.releases.open();
  // Unregistered by the signers; until its last page has gone the worker is still asked.
  if (parts.releases.active?.manifest.tombstone) return response;
  const release = await releaseFor(purpose, event as FetchEvent, parts);
  const file = expectedFile(release, request, parts);
  if (file instanceof VouchsafeError) throw file;
  // A signed redirect, or a name that browsers guess: the network has no say in either.
  if (!file) return answer(event as FetchEvent, parts);
  // A response that cannot be read cannot be checked.
  if (response.type === 'opaque') {
    throw new VouchsafeError('forbidden', 'The answer of another origin cannot be read, so it cannot be verified.', {
      url: request.url,
    });
  }
  const bytes = new Uint8Array(await response.clone().arrayBuffer());
  await checkFile(bytes, file, { path: file.path, url: request.url });
  parts.onVerified();
  return new Response(bytes, { headers: [...headersFor(release.manifest, file.path)] });
}

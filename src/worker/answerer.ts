import type { RouteHandlerCallback } from 'workbox-core/types.js';
import type { WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { resolveRoute } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { ReleaseKeeper } from './release-keeper.js';
import { routeRequest } from './route-request.js';

/**
 * Makes the handler that answers requests from the active release. It has the form of a Workbox route handler.
 *
 * It answers with a response whose body was hashed just now and whose headers are all signed, or with the network's for data from
 * elsewhere, or throws the VouchsafeError that says why the request is refused.
 *
 * @param config the worker's configuration
 * @param scope the worker's scope
 * @param keeper has the active release
 * @param isEmbedded whether all open pages of the scope are frames in somebody else's page
 */
export function answerer(
  config: WorkerConfig,
  scope: URL,
  keeper: ReleaseKeeper,
  isEmbedded: () => Promise<boolean>,
): RouteHandlerCallback {
  return async ({ event, request, url }) => {
    const decision = routeRequest(request, scope, config.passthrough);
    if (decision.from === 'nowhere') throw decision.error;
    // A request that the page takes back, or an API that is down, is no refusal of ours.
    if (decision.from === 'network') return fetch(request).catch(() => Response.error());

    // An app in a frame of another site's page is a document of its own, or it would never get a newer release.
    const purpose = decision.purpose === 'frame' && (await isEmbedded()) ? 'document' : decision.purpose;
    const release = await keeper.releaseFor(purpose, (work) => event.waitUntil(work));
    const { manifest, targets } = release;
    const route = resolveRoute(manifest, (path) => targets.has(path), scope.pathname, url.pathname, purpose);
    if (route?.kind === 'redirect') return Response.redirect(scope.origin + route.path + url.search, 302);
    const target = route && targets.get(route.path);
    if (!target) {
      // Browsers guess this name for every site; that it has none is neither an attack nor a mistake.
      if (url.pathname === '/favicon.ico') return new Response(null, { status: 404 });
      throw new VouchsafeError('not-found', 'The signed release has no such file.', { url: url.href });
    }
    const bytes = await keeper.read(release, target);
    const headers = headersFor(manifest, target.path).set('content-length', String(target.length));
    return new Response(request.method === 'HEAD' ? null : (bytes as Uint8Array<ArrayBuffer>), { headers: [...headers] });
  };
}

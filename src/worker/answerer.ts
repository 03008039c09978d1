import type { RouteHandlerCallback } from 'workbox-core/types.js';
import type { WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { resolveRoute } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { ReleaseKeeper } from './release-keeper.js';
import { routeRequest } from './route-request.js';

/** Bytes. Firefox sends bodies below 1 MiB in one piece. */
const STREAMED_FROM = 2 ** 19;

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
    const wanted = routeRequest(request, scope, config.passthrough);
    // A request that the page takes back, or an API that is down, is no refusal of ours.
    if (wanted === 'network') return fetch(request).catch(() => Response.error());

    // An app in a frame of another site's page is a document of its own, or it would never get a newer release.
    const purpose = wanted === 'frame' && (await isEmbedded()) ? 'document' : wanted;
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
    return new Response(request.method === 'HEAD' ? null : bodyOf(bytes, event), { headers: [...headers] });
  };
}

/**
 * A body that arrives whole. Firefox stops a worker whose idle time ran out during a long download as soon as it has answered, and hands
 * the page what it had read of a large body by then, without an error: half a script runs. So the worker stays until the last byte is read.
 */
function bodyOf(bytes: Uint8Array, event: ExtendableEvent): BodyInit {
  if (bytes.length < STREAMED_FROM) return bytes as Uint8Array<ArrayBuffer>;
  let finish = (): void => {};
  event.waitUntil(
    new Promise<void>((resolve) => {
      finish = resolve;
    }),
  );
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(bytes),
      // Not before the one chunk is handed on and the next is asked for.
      pull(controller) {
        controller.close();
        finish();
      },
      cancel: () => finish(),
    },
    { highWaterMark: 0 },
  );
}

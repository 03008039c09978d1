import type { Purpose } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';

/**
 * The destinations that cannot run code, restyle the page or install anything. A list of what may pass, so that a destination which a
 * future browser invents is refused. The empty destination is `fetch()`, XMLHttpRequest, EventSource and beacons.
 */
const DATA_DESTINATIONS: ReadonlySet<string> = new Set(['', 'audio', 'font', 'image', 'report', 'track', 'video']);

/**
 * Decides where the answer to a request comes from, by the request alone.
 *
 * @param request the intercepted request
 * @param scope the worker's scope
 * @param passthrough path prefixes of the scope's origin that go to the network
 * @returns what a file of the active release is asked for, or `network` for data from elsewhere: an API, an image on another origin
 * @throws `forbidden` for active content from outside the release and for methods that no file answers
 */
export function routeRequest(request: Request, scope: URL, passthrough: readonly string[]): Purpose | 'network' {
  const { destination, method } = request;
  const url = new URL(request.url);
  const isInScope = url.origin === scope.origin && url.pathname.startsWith(scope.pathname);
  const isPassthrough = url.origin === scope.origin && passthrough.some((prefix) => url.pathname.startsWith(prefix));
  const isNavigation = request.mode === 'navigate';
  if (!isInScope || isPassthrough) {
    if (!isNavigation && DATA_DESTINATIONS.has(destination)) return 'network';
    throw forbidden(request, `A ${isNavigation ? 'page' : destination} may not come from outside the signed release.`);
  }
  if (method !== 'GET' && method !== 'HEAD') {
    throw forbidden(request, `A file of the release is not answered to the method ${method}.`);
  }
  return !isNavigation ? 'subresource' : destination === 'document' ? 'document' : 'frame';
}

function forbidden({ url, method, destination, mode }: Request, message: string): VouchsafeError {
  return new VouchsafeError('forbidden', message, { url, actual: `${method} ${destination || mode}` });
}

import type { Purpose } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';

/** What is done with a request. Decided from the request alone, synchronously. */
export type Decision =
  /** Answer from the active release. */
  | { readonly from: 'release'; readonly purpose: Purpose }
  /** Data for the page from elsewhere: an API, an image on another origin. */
  | { readonly from: 'network' }
  | { readonly from: 'nowhere'; readonly error: VouchsafeError };

/**
 * The destinations that cannot run code, restyle the page or install anything. A list of what may pass, so that a destination which a
 * future browser invents is refused. The empty destination is `fetch()`, XMLHttpRequest, EventSource and beacons.
 */
const DATA_DESTINATIONS: ReadonlySet<string> = new Set(['', 'audio', 'font', 'image', 'report', 'track', 'video']);

/**
 * Decides where the answer to a request comes from.
 *
 * @param request the intercepted request
 * @param scope the worker's scope
 * @param passthrough path prefixes of the scope's origin that go to the network
 * @returns the decision; `forbidden` errors for active content from outside the release and for methods that no file answers
 */
export function routeRequest(request: Request, scope: URL, passthrough: readonly string[]): Decision {
  const url = new URL(request.url);
  const isInScope = url.origin === scope.origin && url.pathname.startsWith(scope.pathname);
  const isPassthrough = url.origin === scope.origin && passthrough.some((prefix) => url.pathname.startsWith(prefix));
  const isNavigation = request.mode === 'navigate';
  if (!isInScope || isPassthrough) {
    if (!isNavigation && DATA_DESTINATIONS.has(request.destination)) return { from: 'network' };
    const kind = isNavigation ? 'page' : request.destination;
    return nowhere(request, `A ${kind} may not come from outside the signed release.`);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return nowhere(request, `A file of the release is not answered to the method ${request.method}.`);
  }
  const purpose = !isNavigation ? 'subresource' : request.destination === 'document' ? 'document' : 'frame';
  return { from: 'release', purpose };
}

function nowhere(request: Request, message: string): Decision {
  const actual = `${request.method} ${request.destination || request.mode}`;
  return { from: 'nowhere', error: new VouchsafeError('forbidden', message, { url: request.url, actual }) };
}

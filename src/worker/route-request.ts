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
 * @param url its URL, parsed: to do that again costs as much as the rest of this
 * @param scope the worker's scope
 * @param passthrough path prefixes of the scope's origin that go to the network
 * @returns what a file of the release is asked for; `network` for data from elsewhere: an API, an image on another origin; `external` for
 *   a script, a style sheet and the like from another origin, which only the signed manifest can allow; a `forbidden` refusal for other
 *   active content from outside the release and for methods that no file answers
 */
export function routeRequest(
  request: Request,
  url: URL,
  scope: URL,
  passthrough: readonly string[],
): Purpose | 'network' | 'external' | VouchsafeError {
  const { destination, method, mode } = request;
  const isSameOrigin = url.origin === scope.origin;
  const isPassthrough = isSameOrigin && passthrough.some((prefix) => url.pathname.startsWith(prefix));
  const isNavigation = mode === 'navigate';
  const isOutside = isPassthrough || pathUnder(scope, url) === undefined;
  if (isOutside && !isNavigation) {
    if (DATA_DESTINATIONS.has(destination)) return 'network';
    if (!isSameOrigin && method === 'GET') return 'external';
  }
  if (isOutside) return outside(request);
  if (method !== 'GET' && method !== 'HEAD') {
    return forbidden(request, `A file of the release is not answered to the method ${method}.`);
  }
  return !isNavigation ? 'subresource' : destination === 'document' ? 'document' : 'frame';
}

/**
 * @param scope the worker's
 * @param url any
 * @returns what comes after the scope in the URL's path, percent-encoded; undefined outside the scope
 */
export function pathUnder(scope: URL, { origin, pathname }: URL): string | undefined {
  return origin === scope.origin && pathname.startsWith(scope.pathname) ? pathname.slice(scope.pathname.length) : undefined;
}

/** The refusal of active content that is no file of the release. */
export function outside(request: Request): VouchsafeError {
  const what = request.mode === 'navigate' ? 'page' : request.destination;
  return forbidden(request, `A ${what} may not come from outside the signed release.`);
}

function forbidden({ url, method, destination, mode }: Request, message: string): VouchsafeError {
  return new VouchsafeError('forbidden', message, { url, actual: `${method} ${destination || mode}` });
}

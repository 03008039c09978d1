import type { RouteHandlerCallbackOptions, RouteHandlerObject } from 'workbox-core/types.js';
import type { WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { resolveRoute } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { ReleaseKeeper } from './release-keeper.js';
import { routeRequest } from './route-request.js';

/** Answers requests from the active release. Has the form of a Workbox route handler. */
export class Answerer implements RouteHandlerObject {
  readonly #config: WorkerConfig;
  readonly #scope: URL;
  readonly #keeper: ReleaseKeeper;

  constructor(config: WorkerConfig, scope: URL, keeper: ReleaseKeeper) {
    this.#config = config;
    this.#scope = scope;
    this.#keeper = keeper;
  }

  /**
   * Answers one request.
   *
   * @param options the fetch event and its request
   * @returns a response whose body was hashed just now and whose headers are all signed, or the network's for data from elsewhere
   * @throws a VouchsafeError that says why it is refused
   */
  handle = async ({ event, request, url }: RouteHandlerCallbackOptions): Promise<Response> => {
    const decision = routeRequest(request, this.#scope, this.#config.passthrough);
    if (decision.from === 'nowhere') throw decision.error;
    if (decision.from === 'network') return fetch(request);

    const release = await this.#keeper.releaseFor(decision.purpose, (work) => event.waitUntil(work));
    const isListed = (path: string) => release.targets.has(path);
    const route = resolveRoute(release.manifest, isListed, this.#scope.pathname, url.pathname, decision.purpose);
    if (route?.kind === 'redirect') return Response.redirect(this.#scope.origin + route.path + url.search, 302);
    const target = route && release.targets.get(route.path);
    if (!target) {
      // Browsers guess this name for every site; that it has none is neither an attack nor a mistake.
      if (url.pathname === '/favicon.ico') return new Response(null, { status: 404 });
      const message = 'The signed release has no such file.';
      throw new VouchsafeError('not-found', message, { url: request.url, expected: 'a file of the release', actual: 'not listed' });
    }
    const bytes = await this.#keeper.read(release, target);
    const headers = headersFor(release.manifest, target.path).set('content-length', String(target.length));
    return new Response(request.method === 'HEAD' ? null : (bytes as Uint8Array<ArrayBuffer>), { headers: [...headers] });
  };
}

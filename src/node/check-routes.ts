import type { ReleaseManifest } from '../release/manifest.js';
import { type Route, resolveRoute } from '../release/route.js';
import { PublisherError } from './publisher-error.js';

const SITE = 'https://site.invalid';

/**
 * Checks where the redirects of a release lead, with the worker's own rules for URLs.
 *
 * @param manifest the release manifest
 * @param paths target paths of the app's files
 * @param base path that the site is deployed under
 * @throws `bad-option` for a redirect that hides a file, stands there twice, leads to itself, or is part of a circle
 */
export function checkRoutes(manifest: ReleaseManifest, paths: readonly string[], base: string): void {
  const listed = new Set(paths);
  const scope = new URL(base, SITE).pathname;
  const routeOf = (rules: ReleaseManifest, pathname: string): Route | undefined =>
    resolveRoute(rules, (path) => listed.has(path), scope, pathname, 'document');
  const { redirects, fallback: _fallback, notFound: _notFound, ...others } = manifest.navigation;
  const filesOnly = { ...manifest, navigation: { ...others, redirects: [] } };
  const seen = new Set<string>();
  for (const { from } of redirects) {
    if (seen.has(from)) throw bad(`There are two redirects from ${JSON.stringify(from)}; remove one.`);
    seen.add(from);
    const start = scope + from.split('/').map(encodeURIComponent).join('/');
    const hidden = routeOf(filesOnly, start);
    if (hidden) {
      const name = hidden.kind === 'target' ? `file ${hidden.path}` : `page at ${hidden.location}`;
      throw bad(`The redirect from ${JSON.stringify(from)} would hide the ${name}; remove one of the two.`);
    }
    checkCircle(start, (pathname) => routeOf(manifest, pathname));
  }
}

/** Browsers give up after twenty redirects, with a message that does not say whose they were. */
function checkCircle(start: string, routeOf: (pathname: string) => Route | undefined): void {
  const passed: string[] = [];
  let url = new URL(start, SITE);
  let route = routeOf(url.pathname);
  if (route?.kind !== 'redirect') throw bad(`The redirect from ${start} leads to itself; remove it.`);
  while (route?.kind === 'redirect' && url.origin === SITE) {
    const isBack = passed.includes(url.pathname);
    passed.push(url.pathname);
    if (isBack) throw bad(`The redirects go round in circles: ${passed.join(' → ')}.`);
    url = new URL(route.location, SITE);
    route = routeOf(url.pathname);
  }
}

function bad(message: string): PublisherError {
  return new PublisherError('bad-option', message);
}

import type { ReleaseManifest } from './manifest.js';

/** Where a URL leads in a release. */
export type Route =
  /** A target path that the release may list. */
  | { readonly kind: 'target'; readonly path: string; readonly status: 200 | 404 }
  /** A navigation to a directory without its slash: the page's relative URLs only work with it. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status: number };

/** What a request is for: a document of its own, a frame in one, or something for either. The first two are navigations. */
export type Purpose = 'document' | 'frame' | 'subresource';

/**
 * The target paths of a URL, as any static file server would have it, decided from signed data alone. Query and fragment play no part,
 * so no URL has a second meaning.
 *
 * @param manifest the release manifest
 * @param isListed whether the release lists a target path
 * @param scopePath path of the worker's scope, with its trailing slash
 * @param pathname the URL's path, as the URL parser gives it (percent-encoded, dot segments resolved)
 * @param purpose only navigations have directory redirects and the fallback
 * @returns the target or redirect, or undefined when the release has nothing there
 */
export function resolveRoute(
  manifest: ReleaseManifest,
  isListed: (path: string) => boolean,
  scopePath: string,
  pathname: string,
  purpose: Purpose,
): Route | undefined {
  const path = targetPath(scopePath, pathname);
  if (path === undefined) return undefined;
  const isNavigation = purpose !== 'subresource';
  if (path === '' || path.endsWith('/')) {
    const index = path + manifest.navigation.index;
    if (isListed(index)) return { kind: 'target', path: index, status: 200 };
  } else {
    if (isListed(path)) return { kind: 'target', path, status: 200 };
    if (isNavigation && isListed(`${path}/${manifest.navigation.index}`))
      return { kind: 'redirect', location: `${pathname}/`, status: 302 };
  }
  const { fallback } = manifest.navigation;
  const hasExtension = /\.[^/]*$/.test(path);
  if (isNavigation && fallback !== undefined && !hasExtension && isListed(fallback))
    return { kind: 'target', path: fallback, status: 200 };
  return undefined;
}

/**
 * Decodes a URL path to a target path. An encoded slash, backslash, NUL, a dot segment or an empty segment has no target: such URLs mean
 * different files to different servers, and exist mostly to find one that disagrees.
 */
function targetPath(scopePath: string, pathname: string): string | undefined {
  if (!pathname.startsWith(scopePath)) return undefined;
  const segments = pathname.slice(scopePath.length).split('/');
  const decoded: string[] = [];
  for (const [i, segment] of segments.entries()) {
    let plain: string;
    try {
      plain = decodeURIComponent(segment);
    } catch {
      return undefined;
    }
    const isLast = i === segments.length - 1;
    if ((plain === '' && !isLast) || plain === '.' || plain === '..' || /[/\\\0]/.test(plain)) return undefined;
    decoded.push(plain);
  }
  return decoded.join('/');
}

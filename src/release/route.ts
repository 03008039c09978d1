import { matches, type Navigation, type ReleaseManifest } from './manifest.js';

/** Where a URL leads in a release. */
export type Route =
  /** A target path that the release lists, and the status to answer with. */
  | { readonly kind: 'target'; readonly path: string; readonly status: 200 | 404 }
  /** Another URL: an absolute path, percent-encoded and with the scope's in front, or the absolute URL of a signed redirect. */
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
 * @param purpose only navigations are sent to another form of a page's URL, and have the fallback and the page for what is not found
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
  const { navigation } = manifest;
  // For any request: a script or an image that has moved is asked for by its old URL too.
  const rule = navigation.redirects.find(({ from }) => from === path);
  if (rule) {
    const location = /^https?:\/\//.test(rule.to) ? rule.to : scopePath + rule.to;
    // Query and fragment play no part here either.
    if (targetPath(scopePath, location.replace(/[?#].*/, '')) !== path) return { kind: 'redirect', location, status: rule.status };
  }
  const isNavigation = purpose !== 'subresource';
  const file = fileOf(navigation, isListed, path);
  if (file !== undefined) {
    const served: Route = { kind: 'target', path: file, status: 200 };
    if (isNavigation ? path === file && !navigation.cleanUrls : file !== `${path}/${navigation.index}`) return served;
    const page = pageUrl(navigation, file);
    const location = scopePath + page.split('/').map(encodeURIComponent).join('/');
    // Not a URL that another file has, or that the URL parser would change.
    const isCanonical = fileOf(navigation, isListed, page) === file && targetPath(scopePath, location) === page;
    if (!isCanonical || path === page) return served;
    return isNavigation ? { kind: 'redirect', location, status: path === file || navigation.trailingSlash ? 308 : 302 } : undefined;
  }
  if (!isNavigation) return undefined;
  const { fallback, notFound, allow, deny } = navigation;
  const isNamed = (pattern: string): boolean => matches(pattern, path);
  const hasFallback = !/\.[^/]*$/.test(path) && (!allow.length || allow.some(isNamed)) && !deny.some(isNamed);
  if (fallback !== undefined && hasFallback && isListed(fallback)) return { kind: 'target', path: fallback, status: 200 };
  if (notFound !== undefined && isListed(notFound)) return { kind: 'target', path: notFound, status: 404 };
  return undefined;
}

/** The file that a path leads to in any of its forms: `a`, `a/`, `a.html` and `a/index.html` may all be one page. */
function fileOf(
  { index, cleanUrls, trailingSlash }: Navigation,
  isListed: (path: string) => boolean,
  path: string,
): string | undefined {
  const bare = path.replace(/\/$/, '');
  const page = `${bare}.html`;
  const isDirectory = path !== bare || path === '';
  const files = isDirectory ? [path + index] : [path];
  if (cleanUrls && bare && (trailingSlash || !isDirectory)) files.push(page);
  if (!isDirectory) files.push(`${path}/${index}`);
  return files.find(isListed);
}

/** The path that a file is to be asked for with: of a page without its name or ending, of anything else its own. */
function pageUrl({ index, cleanUrls, trailingSlash }: Navigation, file: string): string {
  const isIndex = `/${file}`.endsWith(`/${index}`);
  if (!isIndex && !(cleanUrls && file.endsWith('.html'))) return file;
  const bare = `/${file}`.slice(1, isIndex ? -index.length - 1 : -5);
  return bare && (trailingSlash ? trailingSlash === 'always' : isIndex) ? `${bare}/` : bare;
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

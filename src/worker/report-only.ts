import { headersFor, matches } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { answer, expectedFile } from './answerer.js';
import { diagnose } from './diagnosis.js';
import { refusalResponse, toRefusal } from './refusal.js';
import type { Release } from './release.js';
import type { ReplyParts } from './replies.js';
import { routeRequest } from './route-request.js';
import { fileKey } from './verified-files.js';

/** Bytes. What is larger is not read a second time only to be compared. */
const COMPARED_UP_TO = 2 ** 26;

/**
 * Answers with what the network says, and reports what would have been refused. Only the paths that the signed manifest enforces are answered
 * from the release.
 *
 * @param event the request
 * @param parts what verified answers are made from
 * @throws VouchsafeError for enforced paths
 */
export async function answerReportOnly(event: FetchEvent, parts: ReplyParts): Promise<Response> {
  const { request } = event;
  const { config, scope, releases, updates, violations } = parts;
  const wanted = routeRequest(request, scope, config.passthrough);
  if (wanted === 'network') return (await networkOf(request)) ?? unreachable(request);
  await releases.open();
  if (releases.active?.manifest.tombstone) return (await networkOf(request)) ?? unreachable(request);
  if (wanted === 'document') {
    await updates.activateForNavigation();
    event.waitUntil(updates.look());
  }
  const release = await releases.ofRequest(event, () => true);
  const file = release && expectedFile(release, request, parts);
  const paths = [askedPath(request, scope), file && 'path' in file ? file.path : ''];
  if (release?.manifest.enforce.some((pattern) => paths.some((path) => path === undefined || matches(pattern, path)))) {
    return answer(event, parts);
  }
  if (release && event.resultingClientId) event.waitUntil(releases.pins.pin(event, release.key));
  const response = await networkOf(request);
  if (!response) return unreachable(request);
  if (release && file) {
    const copy = response.clone();
    event.waitUntil(
      compare(copy, request, file, release, releases.older(file instanceof VouchsafeError ? '' : file.path)).catch((error) =>
        violations.record(error, 'report-only').then(parts.report),
      ),
    );
  }
  return response;
}

/** The path under the scope that is asked for; undefined when it cannot be decoded, which no honest link is. */
function askedPath({ url }: Request, scope: URL): string | undefined {
  const { origin, pathname } = new URL(url);
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return '';
  try {
    return decodeURIComponent(pathname.slice(scope.pathname.length));
  } catch {
    return undefined;
  }
}

function networkOf(request: Request): Promise<Response | undefined> {
  return fetch(request).catch(() => undefined);
}

/** To be offline is no violation, and what a page is told of it is what it would be told without the worker. */
function unreachable(request: Request): Response {
  // Of a navigation, too, in our own words: in Firefox one that fails in the worker counts against it, and the third unregisters it.
  return refusalResponse(
    request,
    toRefusal(new VouchsafeError('unreachable', 'The site cannot be reached.', { url: request.url })),
  );
}

async function compare(
  response: Response,
  { method, url }: Request,
  file: TargetFile | VouchsafeError,
  { manifest }: Release,
  older: Promise<readonly TargetFile[]>,
): Promise<void> {
  if (file instanceof VouchsafeError) throw file;
  const facts = { path: file.path, url: response.url || url, status: response.status };
  if (response.type === 'opaqueredirect')
    throw new VouchsafeError('redirected', 'The server redirects a page of the release.', facts);
  // Of another origin's answer nothing can be read, and what is no whole file was hashed by nobody.
  const isWhole = method === 'GET' && response.status !== 206 && response.status !== 304 && response.type !== 'opaque';
  if (!isWhole || file.length > COMPARED_UP_TO) return;
  const bytes = new Uint8Array(await response.arrayBuffer());
  try {
    await checkFile(bytes, file, facts);
  } catch (error) {
    if (!(error instanceof VouchsafeError)) throw error;
    const known = await older;
    const type = headersFor(manifest, file.path).get('content-type') ?? '';
    const diagnosis = await diagnose(
      bytes,
      file,
      type,
      (hash) => known.some((other) => fileKey(other) === hash),
      manifest.chunks.get(file.path),
    );
    throw new VouchsafeError(error.code, error.message, { ...error.facts, diagnosis });
  }
}

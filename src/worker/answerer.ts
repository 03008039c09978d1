import { REPOSITORY_FOLDER, STATUS_PAGE, type WorkerConfig } from '../release/config.js';
import { headersFor } from '../release/manifest.js';
import { type Purpose, type Route, resolveRoute } from '../release/route.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import { freeMemory } from '../tuf/free-memory.js';
import { chunkedBody, readPart } from './chunked-body.js';
import type { ChunkedFiles } from './chunked-files.js';
import { type ByteRange, requestedRange } from './range.js';
import { chunksOf, type Release } from './release.js';
import type { Releases } from './releases.js';
import { outside, pathUnder, routeRequest } from './route-request.js';
import type { ScriptCopies } from './script-copies.js';
import type { Updates } from './updates.js';
import { fileKey, type VerifiedFiles } from './verified-files.js';
import type { ViolationLog } from './violation-log.js';

/** Bytes. Firefox sends bodies below 1 MiB in one piece. */
const LARGE = 2 ** 19;

/** What answers are made from. */
export interface AnswerParts {
  readonly config: WorkerConfig;
  readonly scope: URL;
  readonly releases: Releases;
  readonly updates: Updates;
  readonly files: VerifiedFiles;
  readonly chunks: ChunkedFiles;
  readonly scripts: ScriptCopies;
  readonly violations: ViolationLog;
  /**
   * Who reads answers: the engine alone, which neither writes to their bytes nor keeps them, or other code of this worker, too. For the engine chunks,
   * which are nobody else's, are freed once they are read, and whole files, which later answers share, are not copied: these are never written to, and
   * never freed.
   */
  readonly readers: 'engine' | 'worker';
  /** Called for each file that is served. */
  readonly onVerified: () => void;
  /** Looks whether another worker waits to take over. */
  readonly onNavigation: () => Promise<void>;
  /** Whether all open pages of the scope are frames in somebody else's page. */
  readonly isEmbedded: () => Promise<boolean>;
}

/**
 * Answers a request from the release that its page is of.
 *
 * The answer is a response whose body was checked and whose headers are all signed, or the network's for data from elsewhere.
 *
 * @param event the request
 * @param parts what answers are made from
 * @throws VouchsafeError that says why the request is refused
 */
export async function answer(event: FetchEvent, parts: AnswerParts): Promise<Response> {
  const { request } = event;
  const url = new URL(request.url);
  const wanted = routeRequest(request, url, parts.scope, parts.config.passthrough);
  // A request that the page takes back, or an API that is down, is no refusal of ours.
  if (wanted === 'network') return fetch(request).catch(() => Response.error());
  if (wanted === 'document') parts.releases.readAhead();
  await parts.releases.open();
  // Unregistered by the signers; until its last page has gone the worker is still asked.
  if (parts.releases.active?.manifest.tombstone) return fetch(request).catch(() => Response.error());
  if (wanted instanceof VouchsafeError) {
    if (isReport(request, parts)) return fetch(request).catch(() => Response.error());
    throw wanted;
  }
  if (wanted === 'external') {
    const release = await releaseFor('subresource', event, parts);
    const file = await externalFile(release, request);
    if (file instanceof VouchsafeError) throw file;
    return answerWith(file, 200, release, event, parts);
  }
  // An app in a frame of another site's page is a document of its own, or it would never get a newer release.
  const purpose = wanted === 'frame' && (await parts.isEmbedded()) ? 'document' : wanted;
  return answerFrom(await releaseFor(purpose, event, parts), purpose, url, event, parts);
}

/**
 * The file that a request is to be answered with, for those who get its bytes themselves.
 *
 * @param release the release of the request's page
 * @param request the request
 * @param parts what answers are made from
 * @returns the file, or why the request is refused; undefined when there is nothing to verify: data from elsewhere, a redirect, an icon that is not there
 */
export async function expectedFile(
  release: Release,
  request: Request,
  parts: AnswerParts,
): Promise<TargetFile | VouchsafeError | undefined> {
  const { config, scope } = parts;
  const url = new URL(request.url);
  const wanted = routeRequest(request, url, scope, config.passthrough);
  if (wanted === 'network' || isReport(request, parts)) return undefined;
  if (wanted instanceof VouchsafeError) return wanted;
  if (wanted === 'external') return externalFile(release, request);
  const route = await routeIn(release, url.pathname, wanted, scope);
  if (route?.kind === 'redirect') return undefined;
  const file = route && (await release.targets.find(route.path));
  return file ?? (isGuessed(request) ? undefined : noSuchFile(request));
}

/** What a locked page sends by itself to where the signers want it, which may be a path of this site. */
export function isReport({ method, destination, url }: Request, { releases, scope }: AnswerParts): boolean {
  const endpoint = releases.active?.manifest.reporting?.url;
  return method === 'POST' && destination === '' && endpoint !== undefined && new URL(endpoint, scope).href === url;
}

/** Browsers guess this name for every site; that it has none is neither an attack nor a mistake. */
function isGuessed({ url }: Request): boolean {
  return new URL(url).pathname === '/favicon.ico';
}

async function externalFile({ manifest, targets }: Release, request: Request): Promise<TargetFile | VouchsafeError> {
  return (await targets.find(manifest.external.get(request.url) ?? '')) ?? outside(request);
}

function noSuchFile({ url }: Request): VouchsafeError {
  return new VouchsafeError('not-found', 'The signed release has no such file.', { url });
}

/** Whether a request is for the status page, which is shown also when no other page is. */
export function isStatusPage({ url }: Request, scope: URL): boolean {
  return [STATUS_PAGE, REPOSITORY_FOLDER].includes(pathUnder(scope, new URL(url)) ?? '');
}

/**
 * Where a URL leads in a release.
 *
 * @param release the release
 * @param pathname the URL's path
 * @param purpose what for
 * @param scope the worker's scope
 */
export async function routeIn(
  { manifest, targets }: Release,
  pathname: string,
  purpose: Purpose,
  scope: URL,
): Promise<Route | undefined> {
  for (;;) {
    const unknown: string[] = [];
    const isListed = (path: string): boolean => {
      const isThere = targets.has(path);
      if (isThere === undefined) unknown.push(path);
      return isThere === true;
    };
    const route = resolveRoute(manifest, isListed, scope.pathname, pathname, purpose);
    if (unknown.length === 0) return route;
    // What it went by was not all known: once it is, the answer may be another one.
    await targets.load(unknown);
  }
}

async function answerFrom(
  release: Release,
  purpose: Purpose,
  { pathname, search, origin }: URL,
  event: FetchEvent,
  parts: AnswerParts,
): Promise<Response> {
  const { manifest, targets } = release;
  const route = await routeIn(release, pathname, purpose, parts.scope);
  if (route?.kind === 'redirect') {
    const url = new URL(route.location, origin);
    // What was asked for goes along, unless the rule says otherwise or leads to somebody else.
    if (url.origin === origin) url.search ||= search;
    return Response.redirect(url.href, route.status);
  }
  const file = route && (await targets.find(route.path));
  if (!file) {
    if (isGuessed(event.request)) return new Response(null, { status: 404 });
    throw noSuchFile(event.request);
  }
  try {
    return await answerWith(file, route.status, release, event, parts);
  } catch (error) {
    const isOffline = error instanceof VouchsafeError && error.code === 'unreachable' && error.facts.status === undefined;
    const offline =
      purpose === 'subresource' || !isOffline
        ? undefined
        : await targets.find(manifest.navigation.offline ?? '').catch(() => undefined);
    if (!offline) throw error;
    return answerWith(offline, 503, release, event, parts);
  }
}

/**
 * The release that answers a request. A document gets the staged release if there is one, and nothing at all when the metadata has expired
 * and a refresh does not help. A page that is open stays on its release, with all that it starts.
 *
 * @param purpose what for
 * @param event the request
 * @param parts what answers are made from; its releases have been opened
 * @throws VouchsafeError when there is no release, or none that a page may be opened with
 */
export async function releaseFor(
  purpose: Purpose,
  event: FetchEvent,
  { releases, updates, scope, onNavigation }: AnswerParts,
): Promise<Release> {
  const extend = (work: Promise<unknown>): void => event.waitUntil(work);
  if (purpose === 'document') {
    extend(onNavigation());
    await updates.activateForNavigation(extend);
    if (updates.freshness() === 'fresh') extend(updates.lookSoon());
    else await updates.refresh(extend);
    await updates.activateForNavigation(extend);
  } else if (!releases.active) {
    await updates.update();
  } else if (purpose === 'frame' && updates.freshness() !== 'fresh') {
    await updates.refresh(extend);
  }
  const hasFile = async (release: Release) =>
    (await routeIn(release, new URL(event.request.url).pathname, purpose, scope)) !== undefined;
  const release = purpose === 'document' ? releases.active : await releases.ofRequest(event, hasFile);
  if (!release) throw updates.failure ?? new VouchsafeError('not-found', 'No release is there yet.');
  // Whoever wants to know why pages are refused must not be refused, too.
  if (purpose !== 'subresource' && updates.freshness() === 'frozen' && !isStatusPage(event.request, scope))
    throw updates.frozen(release);
  if (event.resultingClientId) extend(releases.pins.pin(event, release.key));
  return release;
}

async function answerWith(
  file: TargetFile,
  status: number,
  release: Release,
  event: FetchEvent,
  parts: AnswerParts,
): Promise<Response> {
  const { request } = event;
  const copy = status === 200 && parts.scripts.has(release, file) && (await copyOf(file, release, event, parts));
  if (copy) return copy;
  const etag = `"${fileKey(file)}"`;
  const headers = headersFor(release.manifest, file.path).set('etag', etag).set('accept-ranges', 'bytes');
  // For GET alone (RFC 9110, 14.2).
  const hasRange = status === 200 && request.method === 'GET';
  const range = hasRange ? requestedRange(request.headers, file.length, etag) : undefined;
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: [...headers.set('content-range', `bytes */${file.length}`)] });
  }
  const part = range ?? { start: 0, end: file.length - 1 };
  if (range) headers.set('content-range', `bytes ${part.start}-${part.end}/${file.length}`);
  headers.set('content-length', String(part.end + 1 - part.start));
  const body = request.method === 'HEAD' ? null : await bodyOf(file, part, release, event, parts);
  return new Response(body, { status: range ? 206 : status, headers: [...headers] });
}

/** A large classic script, if there may be a copy of it, as the engine likes it, and as a page cannot tell from the answer that is made anew. */
async function copyOf(
  file: TargetFile,
  release: Release,
  event: FetchEvent,
  { scripts, releases, onVerified }: AnswerParts,
): Promise<Response | undefined> {
  const { request } = event;
  // Whoever asks otherwise can read headers. A worker's script is another destination: it acts on headers that no script element knows.
  if (request.destination !== 'script' || request.method !== 'GET' || request.headers.has('range')) return undefined;
  const copy = await scripts.answer(release, file, request.url);
  if (copy) onVerified();
  // What an older release wants is at that URL no more.
  else if (release === releases.active) event.waitUntil(scripts.refill(release, file));
  return copy;
}

/** A body whose bytes were checked: all of them before it is handed over, or, of large files, chunk by chunk as they are read. */
async function bodyOf(
  file: TargetFile,
  part: ByteRange,
  release: Release,
  event: FetchEvent,
  { files, chunks, scripts, violations, readers, onVerified }: AnswerParts,
): Promise<BodyInit> {
  const signed = chunksOf(release.manifest, file);
  onVerified();
  // An engine shows the part of a page that came before it broke off.
  const isPage = event.request.mode === 'navigate';
  if (!signed) {
    const whole = (await files.read(release, file)) as Uint8Array<ArrayBuffer>;
    const bytes = whole.subarray(part.start, part.end + 1);
    if (isPage) void scripts.lookAhead(release, bytes);
    if (isPage && bytes.length < LARGE) return bytes;
    // They serve the next request, too.
    return streamOf(readers === 'engine' ? bytes : bytes.slice(), event);
  }
  const source = chunks.open(release, file, part.end);
  const chunked = { ...part, chunks: signed };
  if (isPage) return (await readPart(chunked, source.read).finally(() => source.stop())) as Uint8Array<ArrayBuffer>;
  const finish = untilEnd(event);
  return chunkedBody(chunked, source.read, readers === 'engine' ? freeMemory : () => {}, (error) => {
    source.stop();
    if (error) event.waitUntil(violations.record(error, 'request'));
    finish();
  });
}

/**
 * A body that arrives whole, and soon: of bytes and Blobs Chromium's worker has to tell another process first, and waits for its answer, one body
 * after the other. Firefox stops a worker whose idle time ran out during a long download as soon as it has answered, and hands the page what
 * it had read of a large body by then, without an error: half a script runs. So the worker stays until the last byte is read.
 */
function streamOf(bytes: Uint8Array, event: ExtendableEvent): ReadableStream {
  const finish = untilEnd(event);
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

/** Keeps the worker until what is returned is called. */
function untilEnd(event: ExtendableEvent): () => void {
  let end = (): void => {};
  event.waitUntil(
    new Promise<void>((resolve) => {
      end = resolve;
    }),
  );
  return () => end();
}

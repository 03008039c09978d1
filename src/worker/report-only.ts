import { matches } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import { answer, expectedFile, isStatusPage } from './answerer.js';
import { checkedBody } from './checked-body.js';
import { asVouchsafeError, refusalResponse, toRefusal } from './refusal.js';
import type { Release } from './release.js';
import type { ReplyParts } from './replies.js';
import { pathUnder, routeRequest } from './route-request.js';

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
  const { config, scope, releases } = parts;
  const wanted = routeRequest(request, new URL(request.url), scope, config.passthrough);
  if (wanted === 'network') return (await networkOf(request)) ?? unreachable(request);
  await releases.open();
  if (releases.active?.manifest.tombstone) return (await networkOf(request)) ?? unreachable(request);
  const compare = await comparisonFor(wanted === 'document', event, parts);
  if (compare === 'enforced') return answer(event, parts);
  const response = await networkOf(request);
  if (!response) return unreachable(request);
  compare(response);
  return response;
}

/**
 * What a request is answered with when the worker only reports.
 *
 * @param isDocument whether a page is opened
 * @param event the request; it is not over until the comparison is
 * @param parts the worker's
 * @returns `enforced` when the answer has to be that of the release; else what is to be called with the answer, before it is read: what of it would
 *   have been refused is reported when it has come, and it stays as it is, to be handed on
 */
export async function comparisonFor(
  isDocument: boolean,
  event: FetchEvent,
  parts: ReplyParts,
): Promise<'enforced' | ((response: Response) => void)> {
  const { releases, updates, violations, report, scope, onNavigation } = parts;
  const { request } = event;
  const say = async (error: unknown): Promise<void> => {
    await violations.record(error, 'report-only');
    await report();
  };
  /** What a worker that enforces would refuse the page for, when a look has not helped. */
  const judgePage = async (): Promise<void> => {
    await updates.lookSoon();
    const { active, staged } = releases;
    // What the look has staged would have been activated for the page.
    const isFrozen = active && !staged && updates.freshness() === 'frozen' && !isStatusPage(request, scope);
    const error = isFrozen ? updates.frozen(active) : active ? undefined : updates.failure;
    // Without the network there would have been no page either.
    if (error && (error.code !== 'unreachable' || error.facts.status !== undefined)) await say(error);
  };
  if (isDocument) {
    event.waitUntil(onNavigation());
    await updates.activateForNavigation((work) => event.waitUntil(work));
  }
  // The release of a page may be there no more: then there is nothing to compare with, but what the active one enforces still is.
  let gone: unknown;
  const release = isDocument
    ? releases.active
    : await releases
        .ofRequest(event, async () => true)
        .catch((error) => {
          gone = error;
          return undefined;
        });
  const rules = release ?? releases.active;
  const file = rules && (await expectedFile(rules, request, parts));
  const paths = [askedPath(request, scope), file && 'path' in file ? file.path : ''];
  const enforced = rules?.manifest.enforce ?? [];
  if (enforced.some((pattern) => paths.some((path) => path === undefined || matches(pattern, path)))) return 'enforced';
  if (isDocument) event.waitUntil(judgePage());
  if (gone) event.waitUntil(say(gone));
  if (release && event.resultingClientId) event.waitUntil(releases.pins.pin(event, release.key));
  return (response) => {
    if (!release || !file) return;
    const older = file instanceof VouchsafeError ? Promise.resolve([]) : releases.older(file.path);
    event.waitUntil(
      compare(response.clone(), request, file, release, older).catch(async (error) => {
        // Broken off by the page, or by the network: not what was signed, and nobody's doing.
        if (!['unreachable', 'too-slow'].includes(asVouchsafeError(error).code)) await say(error);
      }),
    );
  };
}

/** The path under the scope that is asked for; undefined when it cannot be decoded, which no honest link is. */
function askedPath({ url }: Request, scope: URL): string | undefined {
  try {
    return decodeURIComponent(pathUnder(scope, new URL(url)) ?? '');
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
  release: Release,
  older: Promise<readonly TargetFile[]>,
): Promise<void> {
  if (file instanceof VouchsafeError) throw file;
  const { status, type } = response;
  const from = response.url || url;
  if (type === 'opaqueredirect') {
    throw new VouchsafeError('redirected', 'The server redirects a page of the release.', { path: file.path, url: from, status });
  }
  // Of another origin's answer nothing can be read, and what is no whole file was hashed by nobody.
  const isWhole = method === 'GET' && status !== 206 && status !== 304 && type !== 'opaque';
  if (isWhole && file.length <= COMPARED_UP_TO) await checkedBody(response, from, file, release, await older);
  else await response.body?.cancel();
}

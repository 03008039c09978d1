import { REPOSITORY_FOLDER, RESET_PAGE, STATUS_DATA } from '../release/config.js';
import { isStatusPage } from './answerer.js';
import { escapeHtml, plainPage } from './plain-page.js';
import { type ReplyParts, statusFor } from './replies.js';
import { isConfirmed, resetPage } from './reset-page.js';
import { pathUnder } from './route-request.js';

/**
 * Answers for the addresses under the scope that are the worker's own: its status as data, and where a person resets the app. While there is no
 * release, which brings the status page, that one, too: it is wanted then.
 *
 * @param event the request
 * @param parts what they are made from
 * @returns undefined for all other requests
 */
export async function answerOwnPage(event: FetchEvent, parts: ReplyParts): Promise<Response | undefined> {
  const { request } = event;
  // All of them are in that folder. To parse each request's URL costs more than all else here.
  if (!request.url.includes(REPOSITORY_FOLDER)) return undefined;
  const { scope, standDown, releases, updates } = parts;
  const path = pathUnder(scope, new URL(request.url));
  const status = async (): Promise<string> =>
    JSON.stringify(await statusFor(event.clientId, parts, (work) => event.waitUntil(work)), null, 1);
  if (path === STATUS_DATA) {
    const headers = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' };
    return new Response(await status(), { headers });
  }
  if (isStatusPage(request, scope) && request.destination === 'document') {
    await releases.open();
    if (!releases.active) await updates.update();
    if (releases.active) return undefined;
    const text = escapeHtml(await status());
    return plainPage(
      200,
      'Status of this site’s checks',
      `<p>No release is there yet. <a href="">Look again</a>, or <a href="${escapeHtml(scope.href + RESET_PAGE)}">Reset this site…</a><pre style="white-space:pre-wrap;overflow-wrap:anywhere">${text}</pre>`,
    );
  }
  // Not in a frame, where another page could make a person press the button without seeing it.
  if (path !== RESET_PAGE || request.destination !== 'document') return undefined;
  if (!isConfirmed(request)) return resetPage((work) => event.waitUntil(work));
  await standDown();
  // The server's own page comes now, as on a first visit.
  return Response.redirect(scope.href, 303);
}

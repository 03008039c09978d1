import { RESET_PAGE, STATUS_DATA } from '../release/config.js';
import { type ReplyParts, statusFor } from './replies.js';
import { isConfirmed, resetPage } from './reset-page.js';

/**
 * Answers for the addresses under the scope that are the worker's own: its status as data, and where a person resets the app.
 *
 * @param event the request
 * @param parts what they are made from
 * @returns undefined for all other requests
 */
export async function answerOwnPage(event: FetchEvent, parts: ReplyParts): Promise<Response | undefined> {
  const { request } = event;
  const { scope, standDown } = parts;
  const url = new URL(request.url);
  const path = url.origin === scope.origin && url.pathname.startsWith(scope.pathname) && url.pathname.slice(scope.pathname.length);
  if (path === STATUS_DATA) {
    const status = await statusFor(event.clientId, parts, (work) => event.waitUntil(work));
    const headers = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' };
    return new Response(JSON.stringify(status, null, 1), { headers });
  }
  // Not in a frame, where another page could make a person press the button without seeing it.
  if (path !== RESET_PAGE || request.destination !== 'document') return undefined;
  if (!(await isConfirmed(request))) return resetPage((work) => event.waitUntil(work));
  await standDown();
  // The server's own page comes now, as on a first visit.
  return Response.redirect(scope.href, 303);
}

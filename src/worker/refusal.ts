import type { Refusal } from '../messages/messages.js';
import { type ErrorCode, VouchsafeError } from '../tuf/errors.js';

/** Anything thrown as one of ours. What is not is a failure of the browser's, such as a database that closes under us. */
export function asVouchsafeError(error: unknown): VouchsafeError {
  return error instanceof VouchsafeError ? error : new VouchsafeError('storage', `Unexpected: ${error}`, {}, error);
}

/** An error as plain data, for `postMessage`, the database and the refusal page. */
export function toRefusal(error: unknown): Refusal {
  const { code, message, facts } = asVouchsafeError(error);
  return { code, message, facts };
}

/**
 * The answer to a request that is refused.
 *
 * A navigation, and the script of a worker, gets a real response: when the answer is a network error, Firefox asks the network instead, and
 * unregisters the service worker the third time. No engine runs a worker script whose status is not a success. All else gets a network error.
 *
 * @param request the refused request
 * @param refusal why
 */
export function refusalResponse(request: Request, refusal: Refusal): Response {
  if (request.mode !== 'navigate' && !request.destination.endsWith('worker')) return Response.error();
  return new Response(refusalPage(refusal), {
    status: 503,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    },
  });
}

/** What a person can do, by code. */
const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  'not-found': 'Check the address.',
  expired: 'Check this device’s clock, or wait for new signatures.',
  unreachable: 'Check your connection.',
  redirected: 'If this network wants you to sign in, do so.',
  storage: 'Allow this site to store data, or make room on the disk.',
};
const ADVICE_OTHERWISE = 'Try another network. If it stays, tell the site’s operators: their server may have been broken into.';

function refusalPage({ code, message, facts }: Refusal): string {
  const rows = Object.entries({ reason: code, ...facts }).map(([name, value]) => `<dt>${name}<dd>${escapeHtml(`${value}`)}`);
  return `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Page refused</title>
<style>:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:40rem;margin:3rem auto}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere;font-family:monospace}</style>
<h1>This page was not shown</h1><p>This site shows only what its signers vouched for.
<p>${escapeHtml(message)}<p>${ADVICE[code] ?? ADVICE_OTHERWISE} Then <a href="">try again</a>.<dl>${rows.join('')}</dl>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

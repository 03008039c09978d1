import type { Refusal } from '../messages/messages.js';
import { VouchsafeError } from '../tuf/errors.js';

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
 * The answer to a request that is refused. A navigation gets a real page: a rejected promise or `Response.error()` would make Firefox
 * load the network's page, and unregister the worker the third time. Everything else gets a network error.
 *
 * @param request the refused request
 * @param refusal why
 */
export function refusalResponse(request: Request, refusal: Refusal): Response {
  if (request.mode !== 'navigate') return Response.error();
  return new Response(refusalPage(refusal), {
    status: 503,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
      'cache-control': 'no-store',
    },
  });
}

/** What a person can do, by code; codes not listed share the last. */
const ADVICE: { readonly [code: string]: string } = {
  'not-found': 'Check the address, or start from the first page of this site.',
  expired: 'If your clock is right, wait until the site renews its signatures, then try again.',
  unreachable: 'Check your connection and try again.',
  'too-slow': 'Check your connection and try again.',
  redirected: 'If this network asks you to sign in first, do so in another tab, then try again.',
  forbidden: 'Go back to the site by its first page.',
  storage: 'Allow this site to store data, make room on the disk, or leave private browsing, then try again.',
};
const ADVICE_OTHERWISE =
  'Try again in a while or from another network. If it stays, tell the people who run this site what stands below: the server may have been broken into.';

function refusalPage({ code, message, facts }: Refusal): string {
  const rows = Object.entries({ reason: code, ...facts })
    .map(([name, value]) => `<dt>${escapeHtml(name)}<dd>${escapeHtml(String(value))}`)
    .join('');
  const advice = Object.hasOwn(ADVICE, code) ? ADVICE[code] : ADVICE_OTHERWISE;
  return `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Page refused</title>
<style>:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:40rem;margin:12vh auto;padding:0 1rem}dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere;font-family:ui-monospace,monospace}</style>
<h1>This page was not shown</h1><p>What the server sent, or what is stored on this device, is not what this site&rsquo;s signers vouched for.
<p>${escapeHtml(message)}<p>${advice}<p><a href="">Try again</a><dl>${rows}</dl>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

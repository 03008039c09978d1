import { plainPage } from './plain-page.js';
import type { Extend } from './updates.js';

/** The field of the form that carries the token. */
const TOKEN = 'token';
/**
 * No other site may frame the page. The sandbox makes it an origin of its own, so that no script of the app's pages can read the token in
 * it or press the button; Chromium and Firefox hand its form to the worker all the same. WebKitGTK sends it past the worker. There an honest server has the
 * loader at every address, and that brings the form back, as long as it is all in the address: so it is a GET.
 */
const POLICY = "; form-action 'self'; frame-ancestors 'none'; sandbox allow-forms";

/** Milliseconds that a person has to read the page. Browsers end what a worker does in the background after five minutes. */
const READ_WITHIN = 240_000;

/** Of the page that was answered last; used once. A worker that was stopped has forgotten it, and shows the page once more. */
let token: string | undefined;
/** Lets the browser stop the worker again, and put a newer one in its place. */
let forget = (): void => {};

/**
 * The page on which a person resets the app. To be answered to navigations only: what a script can fetch, it can read the token in.
 *
 * @param extend keeps the worker, which alone knows the token, alive while the page is read
 */
export function resetPage(extend: Extend): Response {
  forget();
  token = crypto.randomUUID();
  extend(
    new Promise<void>((resolve) => {
      forget = resolve;
      setTimeout(resolve, READ_WITHIN);
    }),
  );
  return plainPage(
    200,
    'Reset this site',
    `<p>Resetting deletes the files of this site that are stored in this browser. They are downloaded and checked again.
<p>It also deletes the memory of which version of the site you have seen. That memory is what refuses an older version, or one whose signatures
have been revoked. After a reset your next visit trusts the server as much as a first visit does.
<p>Do it when the site stays broken, best on a network that you trust. If the site says that it is under attack, ask its operators before.
<form><input type=hidden name=${TOKEN} value="${token}"><button>Reset this site</button></form>
<p>If the button does not bring you back to this site: deleting the site’s data in the browser’s settings does the same.
<p><a href="../">Leave everything as it is</a>`,
    POLICY,
  );
}

/**
 * Whether a person pressed the button on the page that was answered last. Another site can send the form, but does not know the token.
 *
 * @param request a request for the page's URL
 */
export function isConfirmed({ method, mode, url }: Request): boolean {
  const expected = token;
  token = undefined;
  forget();
  return method === 'GET' && mode === 'navigate' && expected !== undefined && new URL(url).searchParams.get(TOKEN) === expected;
}

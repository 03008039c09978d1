import { headersFor, type ReleaseManifest } from '../release/manifest.js';
import type { TargetFile } from '../tuf/file.js';

const ANY = /(?:)/;

/**
 * What a response to a script element may have besides signed headers: how it came. An engine does nothing of consequence with them once the response is
 * stored, and no page can read them there. Whatever else there is, such as `link`, `server-timing`, `sourcemap`, `set-cookie` or a date of expiry, makes an
 * engine do something that nobody signed, or may do so one day.
 */
const TRANSPORT: ReadonlyMap<string, RegExp> = new Map([
  ['accept-ranges', ANY],
  // An engine's own caches must ask the worker each time.
  ['cache-control', /(^|,)\s*no-(cache|store)\s*(,|$)/i],
  ['connection', ANY],
  ['date', ANY],
  ['etag', ANY],
  ['keep-alive', ANY],
  ['server', ANY],
  ['vary', /^\s*(accept-encoding|origin)(\s*,\s*(accept-encoding|origin))*\s*$/i],
]);

/**
 * Whether a response may be handed to a script element as it is: it came from the file's own URL, and its headers are exactly the signed ones, but for what
 * says how it came. Its body is for others to check.
 *
 * @param response from the network or from Cache Storage, where anybody can have put it
 * @param url the file's own URL
 * @param file as the signed metadata lists it
 * @param manifest of the release
 */
export function isAsSigned(response: Response, url: string, file: TargetFile, manifest: ReleaseManifest): boolean {
  if (response.status !== 200 || response.type !== 'basic' || response.redirected || response.url !== url) return false;
  const missing = headersFor(manifest, file.path);
  for (const [name, value] of response.headers) {
    const signed = missing.get(name);
    const isRight =
      signed !== undefined
        ? value === signed
        : name === 'content-length'
          ? value === `${file.length}`
          : TRANSPORT.get(name)?.test(value);
    if (!isRight) return false;
    missing.delete(name);
  }
  return missing.size === 0;
}

import { PublisherError } from './publisher-error.js';

/**
 * Checks which of the app's files are served for URLs on other origins.
 *
 * @param external target paths by URL, as given
 * @param paths target paths of the release
 * @returns target paths by URL as a browser asks for it, in the order of the URLs, so that two machines publish the same
 * @throws `bad-option` for what is no absolute HTTPS URL (or HTTP on localhost), and for a file that is not there
 */
export function checkExternal(external: { readonly [url: string]: string }, paths: readonly string[]): Map<string, string> {
  const checked = new Map<string, string>();
  for (const [written, path] of Object.entries(external)) {
    const url = checkUrl(written);
    if (!paths.includes(path)) {
      throw new PublisherError(
        'bad-option',
        `The external file ${written} is to be served from ${JSON.stringify(path)}, which is not among the files to publish; put a copy of it there.`,
      );
    }
    if (checked.has(url)) throw new PublisherError('bad-option', `The external file ${url} is given twice.`);
    checked.set(url, path);
  }
  return new Map([...checked].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkUrl(written: string): string {
  let url: URL;
  try {
    url = new URL(written);
  } catch (error) {
    throw new PublisherError(
      'bad-option',
      `The external file ${JSON.stringify(written)} needs an absolute URL, such as https://cdn.example/lib.js.`,
      error,
    );
  }
  const isLocal = url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !isLocal) {
    throw new PublisherError('bad-option', `The external file ${written} needs an HTTPS URL: a secure page loads no other.`);
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new PublisherError('bad-option', `The external file ${written} needs a URL without user name, password and fragment.`);
  }
  return url.href;
}

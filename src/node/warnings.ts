import { type HeaderRule, matches } from '../release/manifest.js';
import type { DeliveryOptions } from './delivery.js';
import type { ServingOptions } from './release-manifest.js';
import { isPage } from './scan-folder.js';

/**
 * What can be published but is probably not what was meant.
 *
 * @param base path that the site is deployed under
 * @param paths target paths
 * @param headers header rules as given
 * @returns one sentence each
 */
export function warnings(base: string, paths: readonly string[], headers: readonly HeaderRule[]): string[] {
  const found: string[] = [];
  // The browser finds the worker of a frame or worker by its own URL: what lies outside the scope never asks ours.
  const closes = (directive: string) => headers.some(({ set }) => directivesOf(set['content-security-policy']).has(directive));
  if (base !== '/' && !(closes('frame-src') && closes('worker-src'))) {
    found.push(
      `Frames and workers from outside ${base} are not seen by the worker of ${base}; sign a content-security-policy with frame-src and worker-src.`,
    );
  }
  if (!paths.includes('index.html')) {
    const pages = paths.filter(isPage).slice(0, 3).join(', ');
    found.push(`There is no index.html, so the site's own address shows no page (pages: ${pages}).`);
  }
  // macOS tools may write "é" as two characters; pages and URLs have it as one, and a target path is compared as it is.
  for (const path of paths) {
    if (path !== path.normalize('NFC'))
      found.push(`The file name ${path} is in decomposed Unicode; pages that write it the usual way do not find it.`);
  }
  for (const { path, set } of headers) {
    const policy = set['content-security-policy'];
    if (policy !== undefined && !shutsOutObjects(policy)) {
      found.push(
        `The content-security-policy for ${path} lacks object-src 'none', so <object> and <embed> may load what no worker checks.`,
      );
    }
    // Almost always a misspelt pattern, and then a policy that silently does not apply.
    if (!paths.some((candidate) => matches(path, candidate))) found.push(`The header rule for ${path} matches no file.`);
  }
  return found;
}

/**
 * What about the delivery is probably not what was meant, or must not be forgotten.
 *
 * @param paths target paths
 * @param options as given
 * @returns one sentence each
 */
export function deliveryWarnings(
  paths: readonly string[],
  {
    csp,
    reportOnly,
    enforce = [],
    headers = [],
  }: Pick<DeliveryOptions, 'csp' | 'reportOnly' | 'enforce'> & Pick<ServingOptions, 'headers'>,
): string[] {
  const found: string[] = [];
  if (reportOnly === true) {
    found.push(
      enforce.length === 0
        ? 'The worker only reports: nothing is refused yet. Enforce paths one by one, then publish without report-only.'
        : `The worker only reports: nothing is refused yet but ${enforce.join(', ')}.`,
    );
  } else if (enforce.length > 0) {
    found.push('Paths to enforce are named, but the worker enforces all of them; that option is for report-only.');
  }
  for (const pattern of enforce) {
    if (!paths.some((path) => matches(pattern, path))) found.push(`The path ${pattern} to enforce matches no file.`);
  }
  if (csp !== undefined && csp !== false) {
    const name = 'content-security-policy';
    for (const { path } of headers.filter(({ set }) => Object.hasOwn(set ?? {}, name)))
      found.push(`The header rule for ${path} sets a policy of its own in place of the generated one.`);
  }
  return found;
}

function shutsOutObjects(policy: string): boolean {
  const directives = directivesOf(policy);
  return (directives.get('object-src') ?? directives.get('default-src')) === "'none'";
}

function directivesOf(policy = ''): Map<string, string> {
  return new Map(
    policy
      .toLowerCase()
      .split(';')
      .map((directive) => {
        const [name = '', ...values] = directive.trim().split(/\s+/);
        return [name, values.join(' ')];
      }),
  );
}

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type DefaultTreeAdapterTypes, html, parse } from 'parse5';
import { matches } from '../release/manifest.js';
import { PublisherError } from './publisher-error.js';
import { contentType, extensionOf } from './release-manifest.js';
import { isPage, type SourceFile } from './scan-folder.js';
import type { ServingConfig } from './serving-config.js';

type Node = DefaultTreeAdapterTypes.Node;

/** Bytes. Smaller ones are compiled before a copy of theirs is read from another place. */
const LARGE = 128 * 1024;
/** What the HTML Standard runs as a classic script. */
const CLASSIC = /^(|(text|application)\/(x-)?(java|ecma)script|text\/(javascript1\.[0-5]|jscript|livescript))$/;
const SITE = 'https://site.invalid';

/**
 * Finds the classic scripts that browsers shall keep compiled. Engines keep no compiled code of modules that a worker answers with.
 *
 * @param files the app's files
 * @param base path that the site is deployed under
 * @param wanted what the person who publishes said
 * @returns their target paths, in order
 * @throws `bad-option` for what is not a list of patterns, and for patterns that name no script
 */
export async function classicScripts(
  files: readonly SourceFile[],
  base: string,
  { codeCache }: Pick<ServingConfig, 'codeCache'>,
): Promise<string[]> {
  if (codeCache === false) return [];
  const scripts = files.filter(({ path }) => contentType(extensionOf(path)).startsWith('text/javascript'));
  if (codeCache === undefined) return namedByPages(files, scripts, base);
  if (!Array.isArray(codeCache) || codeCache.some((pattern) => typeof pattern !== 'string'))
    throw new PublisherError('bad-option', 'The option codeCache is a list of patterns of target paths, or false for none.');
  for (const pattern of codeCache) {
    if (!scripts.some(({ path }) => matches(pattern, path)))
      throw new PublisherError('bad-option', `The pattern ${JSON.stringify(pattern)} of codeCache names no script.`);
  }
  return scripts.map(({ path }) => path).filter((path) => codeCache.some((pattern) => matches(pattern, path)));
}

async function namedByPages(files: readonly SourceFile[], scripts: readonly SourceFile[], base: string): Promise<string[]> {
  const large = new Set(scripts.filter(({ size }) => size >= LARGE).map(({ path }) => path));
  if (large.size === 0) return [];
  const found = new Set<string>();
  for (const { path, file } of files) {
    if (!isPage(path)) continue;
    const text = new TextDecoder().decode(await readFile(file));
    // Most pages of a large site name none, and need not be parsed. A name may be written in more than one way, but hardly ever is.
    if (![...large].some((script) => text.includes(encodeURI(basename(script))) || text.includes(basename(script)))) continue;
    const page = new URL(base + encodeURI(path).replace(/[?#]/g, encodeURIComponent), SITE);
    for (const script of scriptsOf(text, page))
      if (script.href.startsWith(SITE + base)) found.add(decode(script.pathname.slice(base.length)));
  }
  return [...large].filter((path) => found.has(path));
}

/** Where a page's classic scripts are. */
function scriptsOf(text: string, page: URL): URL[] {
  const sources: string[] = [];
  let base: string | undefined;
  const visit = (node: Node): void => {
    if ('tagName' in node && node.namespaceURI === html.NS.HTML) {
      const attribute = (name: string) => node.attrs.find((found) => found.name === name)?.value;
      if (node.tagName === 'base') base ??= attribute('href');
      const source = attribute('src');
      const type = attribute('type') ?? (attribute('language') ? `text/${attribute('language')}` : '');
      if (node.tagName === 'script' && source && CLASSIC.test(type.trim().toLowerCase())) sources.push(source);
    }
    if ('childNodes' in node) for (const child of node.childNodes) visit(child);
  };
  visit(parse(text));
  const from = base !== undefined && URL.canParse(base, page.href) ? new URL(base, page.href) : page;
  return sources.filter((source) => URL.canParse(source, from.href)).map((source) => new URL(source, from));
}

function decode(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

import { type DefaultTreeAdapterTypes, html, parse } from 'parse5';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** The code that is in a page itself, as a browser reads it: what a content security policy has to name by its hash. */
export interface InlineCode {
  /** Texts of script elements that run: classic scripts, modules, import maps and speculation rules. */
  readonly scripts: readonly string[];
  /** Texts of style elements. */
  readonly styles: readonly string[];
  /** Values of `style` attributes. */
  readonly styleAttributes: readonly string[];
  /** Event handlers in attributes. */
  readonly handlers: readonly { readonly name: string; readonly code: string }[];
  /** `javascript:` URLs, which no policy can name without opening more. */
  readonly scriptUrls: readonly string[];
  /** URLs of scripts and style sheets as written. */
  readonly linked: readonly string[];
}

// What the HTML Standard runs. All else is a data block.
const RUNS =
  /^(|module|importmap|speculationrules|(text|application)\/(x-)?(java|ecma)script|text\/(javascript1\.[0-5]|jscript|livescript))$/;
const HANDLER = /^on[a-z]+$/;
const SCRIPT_URL = /^\s*j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t\s*:/i;
/** Of XML, which has no others. */
const ENTITIES = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);
const URL_ATTRIBUTES = ['href', 'src', 'action', 'formaction', 'xlink:href'];

/**
 * Finds the code in a page. With the HTML Standard's own parser, since a hash that differs by one character stops a script: line breaks are
 * normalized and entities are resolved in it as in a browser.
 *
 * @param text the page
 */
export function inlineCode(text: string): InlineCode {
  const found = { scripts: [], styles: [], styleAttributes: [], handlers: [], scriptUrls: [], linked: [] };
  visit(parse(text), found);
  return found;
}

/**
 * An XHTML page as HTML that has the same code in it: there scripts are texts with entities and CDATA sections, and an element may end where it begins.
 *
 * @param text the page
 * @returns text for `inlineCode`
 */
export function htmlOf(text: string): string {
  return text.replace(
    /<(script|style|title|textarea|iframe)\b((?:"[^"]*"|'[^']*'|(?!\/>)[^>"'])*)(?:\/>|>(.*?)<\/\1\s*>)/gs,
    (_, name, attributes, content = '') => `<${name}${attributes}>${textOfXml(content)}</${name}>`,
  );
}

function textOfXml(content: string): string {
  return content.replace(/<!\[CDATA\[(.*?)\]\]>|&(?:(\w+)|#(\d+)|#x([\da-f]+));/gis, (all, cdata, name, decimal, hex) => {
    if (cdata !== undefined) return cdata;
    if (name !== undefined) return ENTITIES.get(name) ?? all;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0x10ffff ? all : String.fromCodePoint(code);
  });
}

type Found = { -readonly [Name in keyof InlineCode]: InlineCode[Name][number][] };

function visit(node: Node, found: Found): void {
  if ('tagName' in node) visitElement(node, found);
  if ('childNodes' in node) for (const child of node.childNodes) visit(child, found);
  // What is in a template runs when the page puts it to use.
  if ('content' in node) visit(node.content, found);
}

function visitElement(element: Element, found: Found): void {
  // A script in SVG is one too, and names its file in another attribute.
  const attributes = new Map(element.attrs.map(({ prefix, name, value }) => [prefix ? `${prefix}:${name}` : name, value]));
  for (const [name, value] of attributes) {
    if (HANDLER.test(name)) found.handlers.push({ name, code: value });
    if (URL_ATTRIBUTES.includes(name) && SCRIPT_URL.test(value)) found.scriptUrls.push(value);
  }
  const style = attributes.get('style');
  if (style !== undefined) found.styleAttributes.push(style);
  if (element.tagName === 'style') found.styles.push(textOf(element));
  if (element.tagName === 'script') {
    const source = attributes.get('src') ?? attributes.get('href') ?? attributes.get('xlink:href');
    const type = attributes.get('type') ?? (attributes.get('language') ? `text/${attributes.get('language')}` : '');
    if (source !== undefined) found.linked.push(source);
    else if (RUNS.test(type.trim().toLowerCase())) found.scripts.push(textOf(element));
  }
  const href = attributes.get('href');
  if (element.tagName === 'link' && href !== undefined && /\bstylesheet\b/i.test(attributes.get('rel') ?? ''))
    found.linked.push(href);
  // A document in an attribute has the policy of the page around it.
  const inner = attributes.get('srcdoc');
  if (element.tagName === 'iframe' && element.namespaceURI === html.NS.HTML && inner !== undefined) visit(parse(inner), found);
}

function textOf(element: Element): string {
  return element.childNodes.map((child) => ('value' in child ? child.value : '')).join('');
}

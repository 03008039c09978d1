import { createHash } from 'node:crypto';
import type { HeaderRule } from '../release/manifest.js';
import { htmlOf, type InlineCode, inlineCode } from './inline-code.js';
import { PublisherError } from './publisher-error.js';
import { contentType, extensionOf } from './release-manifest.js';
import { isPage } from './scan-folder.js';

/** What a generated content security policy may say beyond the strict one. */
export interface CspOptions {
  /** Whether strings may be given to what runs code only through Trusted Types; with names, by policies of these names only. */
  readonly trustedTypes?: true | readonly string[];
  /** Further sources by directive, such as `{ 'connect-src': ['https://api.example'] }`. */
  readonly extend?: { readonly [directive: string]: readonly string[] };
  /** Whether browsers only report what the policy would have stopped. */
  readonly reportOnly?: true;
}

/** What policies are made for. */
export interface PolicySources {
  /** Target paths. */
  readonly paths: readonly string[];
  /** Those that can have code inside of them (`isDocument`), with their text; undefined when it is not UTF-8. */
  readonly pages: ReadonlyMap<string, string | undefined>;
  /** Target paths by the URL on another origin that they are served for. */
  readonly external: ReadonlyMap<string, string>;
  /** Where reports go, absolute. A locked page sends one by itself. */
  readonly reporting?: string | undefined;
}

/** Policies, as the release manifest has them. */
export interface Policies {
  readonly rules: readonly HeaderRule[];
  /** What will not work under them, one sentence each. */
  readonly warnings: readonly string[];
}

type Directives = Map<string, string[]>;

const SELF = "'self'";
const NONE = "'none'";
const HASHES = "'unsafe-hashes'";

// Nothing here lets code in that is in no signed file: no `blob:`, no `data:`, nothing inline without its hash. `'self'` is what the worker
// has verified; `<object>` and `<embed>` go past it.
const STRICT: readonly (readonly [string, readonly string[]])[] = [
  ['default-src', [SELF]],
  ['script-src', [SELF]],
  ['style-src', [SELF]],
  ['img-src', [SELF, 'data:', 'blob:']],
  ['font-src', [SELF, 'data:']],
  ['connect-src', [SELF]],
  ['worker-src', [SELF]],
  ['frame-src', [SELF]],
  ['manifest-src', [SELF]],
  ['object-src', [NONE]],
  ['base-uri', [SELF]],
  ['form-action', [SELF]],
  ['frame-ancestors', [SELF]],
];
// Directives that take over from default-src as soon as they are there, so they begin with what it allows.
const FETCH_DIRECTIVES = ['media-src', 'script-src-elem', 'script-src-attr', 'style-src-elem', 'style-src-attr', 'child-src'];
const CODE = /^(script-src(-elem|-attr)?|worker-src)$/;
/** Whole schemes, any host, and keywords. A nonce, too: it stands in a signed header that is the same for everybody, so whoever injects knows it. */
const OPENS_CODE =
  /^([a-z][a-z\d+.-]*:$|([a-z][a-z\d+.-]*:\/\/)?\*(?![^:/])|'(unsafe-inline|unsafe-eval|strict-dynamic|nonce-.*)'$)/i;
const TYPES_OF_DIRECTIVES: readonly (readonly [RegExp, string])[] = [
  [/^text\/javascript/, 'script-src'],
  [/^text\/css/, 'style-src'],
  [/^image\//, 'img-src'],
  [/^font\//, 'font-src'],
];

/** Patterns tell upper from lower case. */
const IMAGE = /\.svg$/;
const XHTML = /\.xht(ml)?$/i;

/**
 * Whether a file can have code inside of it that runs when a browser opens it.
 *
 * @param path target path
 */
export function isDocument(path: string): boolean {
  return isPage(path) || XHTML.test(path) || /\.svg$/i.test(path);
}

/**
 * Makes a strict content security policy for every file, and one of its own for each that has code inside of it.
 *
 * @param sources the files
 * @param options how it differs from the strict one
 * @returns header rules in order, and what to tell the person who publishes
 * @throws `bad-option` for directives that cannot be extended so, `bad-input` for a page that no pattern can name
 */
export function policies(sources: PolicySources, options: CspOptions): Policies {
  checkOptions(options);
  const name = options.reportOnly === true ? 'content-security-policy-report-only' : 'content-security-policy';
  const rule = (path: string, policy: string): HeaderRule => ({ path, set: { [name]: policy } });
  const plain = policy(base(sources, options), undefined, options);
  // Whatever it is: a frame makes a document of every file, in which the page around it can put what it likes, and a worker has the policy of its own
  // script's response and not of the page that started it.
  const rules = [rule('**', plain)];
  const warnings: string[] = [];
  const codes = new Map<string, InlineCode>();
  for (const [path, text] of sources.pages) {
    if (text !== undefined) codes.set(path, inlineCode(XHTML.test(path) ? htmlOf(text) : text));
    else warnings.push(`The page ${path} is not UTF-8, so code inside of it gets no hash and does not run; save it as UTF-8.`);
  }
  // Drawing programs put styles into each image: one rule instead of hashes for all of them. No style of an image is a way to run code.
  const { extend } = options;
  const forImages = { ...options, extend: { ...extend, 'style-src': [...(extend?.['style-src'] ?? []), "'unsafe-inline'"] } };
  const isStyled = [...codes].some(
    ([path, { styles, styleAttributes }]) => IMAGE.test(path) && styles.length + styleAttributes.length > 0,
  );
  const ofImages = isStyled ? policy(base(sources, forImages), undefined, forImages) : plain;
  if (ofImages !== plain) rules.push(rule('**/*.svg', ofImages));
  for (const [path, code] of codes) {
    warnings.push(...codeWarnings(path, code, sources.external));
    const [general, own] = isStyled && IMAGE.test(path) ? ([ofImages, forImages] as const) : ([plain, options] as const);
    const specific = policy(base(sources, own), code, own);
    if (specific === general) continue;
    // The rule names one file; a star in it would name others.
    if (path.includes('*')) {
      throw new PublisherError(
        'bad-input',
        `${path} has code inside of it that its policy must name, and a * in its name; change one of the two.`,
      );
    }
    rules.push(rule(path, specific));
  }
  return { rules, warnings };
}

/**
 * The policy of a page that brings everything it needs with it and may load nothing.
 *
 * @param text the page
 * @returns a content security policy
 */
export function closedPolicy(text: string): string {
  const { scripts, styles } = inlineCode(text);
  const only = (hashes: string[]): string[] => (hashes.length === 0 ? [NONE] : hashes);
  return join(
    new Map([
      ['default-src', [NONE]],
      ['script-src', only(scripts.map(hashOf))],
      ['style-src', only(styles.map(hashOf))],
      // Browsers ask for an icon.
      ['img-src', [SELF]],
      ['base-uri', [NONE]],
      ['form-action', [NONE]],
      ['frame-ancestors', [NONE]],
    ]),
  );
}

/** What is the same for every page. */
function base({ paths, external, reporting }: PolicySources, { trustedTypes, extend = {} }: CspOptions): Directives {
  const directives: Directives = new Map(STRICT.map(([directive, values]) => [directive, [...values]]));
  if (paths.some((path) => /\.wasm$/i.test(path))) directives.get('script-src')?.push("'wasm-unsafe-eval'");
  for (const [url, path] of external) {
    const type = contentType(extensionOf(path));
    const directive = TYPES_OF_DIRECTIVES.find(([pattern]) => pattern.test(type))?.[1] ?? 'connect-src';
    directives.get(directive)?.push(sourceOf(url));
  }
  if (reporting !== undefined) directives.get('connect-src')?.push(sourceOf(reporting));
  if (trustedTypes !== undefined) directives.set('require-trusted-types-for', ["'script'"]);
  // `register()` needs one of its own, for the URL of the worker.
  if (Array.isArray(trustedTypes)) directives.set('trusted-types', ['vouchsafe', ...trustedTypes]);
  for (const [directive, values] of Object.entries(extend)) {
    checkExtension(directive, values);
    const before = directives.get(directive) ?? (FETCH_DIRECTIVES.includes(directive) ? [SELF] : []);
    directives.set(directive, [...before, ...values]);
  }
  for (const value of directives.get('trusted-types') ?? []) checkValue('trusted-types', value);
  return directives;
}

/** The policy of one page: hashes for the code in it. */
function policy(directives: Directives, code: InlineCode | undefined, options: CspOptions): string {
  if (code !== undefined) {
    const handlers = code.handlers.map(({ code }) => code);
    add(directives, 'script-src', [...code.scripts, ...handlers], handlers.length > 0);
    // Next to a hash browsers pass over 'unsafe-inline', which who asks for it needs for styles that are made while the page runs.
    const isOpen = options.extend?.['style-src']?.includes("'unsafe-inline'") === true;
    if (!isOpen) add(directives, 'style-src', [...code.styles, ...code.styleAttributes], code.styleAttributes.length > 0);
  }
  return join(directives);
}

function add(directives: Directives, directive: string, texts: readonly string[], inAttributes: boolean): void {
  directives.get(directive)?.push(...(inAttributes ? [HASHES] : []), ...texts.map(hashOf));
}

function join(directives: ReadonlyMap<string, readonly string[]>): string {
  return [...directives].map(([directive, values]) => [directive, ...new Set(values)].join(' ')).join('; ');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}

/** A URL as a source expression, which has neither query nor the two characters that end one. */
function sourceOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replaceAll(';', '%3B').replaceAll(',', '%2C');
}

/** They may have been written by hand as JSON. */
function checkOptions({ trustedTypes, extend, reportOnly, ...rest }: CspOptions): void {
  const [unknown] = Object.keys(rest);
  const isWrong =
    (trustedTypes !== undefined && trustedTypes !== true && !Array.isArray(trustedTypes)) ||
    (extend !== undefined && (extend === null || typeof extend !== 'object' || Array.isArray(extend))) ||
    (reportOnly !== undefined && typeof reportOnly !== 'boolean');
  if (unknown === undefined && !isWrong) return;
  throw new PublisherError(
    'bad-option',
    `The policy's options ${unknown === undefined ? 'are not as expected' : `do not know ${JSON.stringify(unknown)}`}; they are { "trustedTypes": true or names, "extend": { directive: sources }, "reportOnly": true }.`,
  );
}

function checkExtension(directive: string, values: readonly string[]): void {
  if (!/^[a-z]+(-[a-z]+)*$/.test(directive) || !Array.isArray(values)) {
    throw new PublisherError(
      'bad-option',
      `The policy cannot be extended by ${JSON.stringify(directive)}; name a directive, such as connect-src, with a list of sources.`,
    );
  }
  if (directive === 'object-src') {
    throw new PublisherError('bad-option', 'The policy keeps object-src none: browsers load <object> and <embed> past the worker.');
  }
  for (const value of values) {
    checkValue(directive, value);
    if (CODE.test(directive) && OPENS_CODE.test(value)) {
      throw new PublisherError(
        'bad-option',
        `The policy cannot have ${value} in ${directive}: any injected text could run as code.`,
      );
    }
  }
}

function checkValue(directive: string, value: unknown): void {
  if (typeof value === 'string' && /^[!-+\--:<-~]+$/.test(value)) return;
  throw new PublisherError(
    'bad-option',
    `The policy cannot have ${JSON.stringify(value)} in ${directive}; give each source by itself.`,
  );
}

function codeWarnings(path: string, code: InlineCode, external: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  if (code.handlers.length > 0) {
    const names = [...new Set(code.handlers.map(({ name }) => name))].join(', ');
    found.push(
      `The page ${path} has event handlers in attributes (${names}); its policy names them, but addEventListener in a script is safer.`,
    );
  }
  if (code.scriptUrls.length > 0)
    found.push(`The page ${path} has javascript: URLs, which its policy stops; use a button and a script.`);
  for (const written of new Set(code.linked)) {
    if (!/^\s*(https?:)?\/\//i.test(written)) continue;
    const absolute = written.trim().replace(/^\/\//, 'https://');
    if (!URL.canParse(absolute) || external.has(new URL(absolute).href)) continue;
    found.push(
      `The page ${path} loads ${absolute} from another origin, which is refused; sign a copy of it with the option external.`,
    );
  }
  return found;
}

import { VouchsafeError } from './errors.js';

/** Any JSON value that canonical JSON can express: all its numbers are safe integers. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object. Parsed ones have no prototype, so that `constructor` and `__proto__` are names like any other. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Longest document that is parsed. Above every role's own limit; it bounds what other callers can ask for. */
export const MAX_JSON_BYTES = 40 * 1024 * 1024;

/** Deepest nesting. TUF metadata needs about eight levels; the rest is for `custom`. It keeps the parser's recursion small. */
export const MAX_JSON_DEPTH = 64;

/**
 * Most objects and lists. An empty one has two characters and takes fifty bytes of memory and more; a target has two of them, and the limits
 * leave room for 180,000 targets.
 */
export const MAX_JSON_CONTAINERS = 1_000_000;

// ignoreBOM keeps a byte order mark in the text, where the grammar then refuses it.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const SURROGATE = /[\ud800-\udfff]/;
/** What a canonical text cannot have as it is, or perhaps not at all. */
const UNUSUAL = /["\\\ud800-\udfff]/;

/**
 * Parses JSON more strictly than `JSON.parse`, so that no two programs can read one document differently: no duplicate keys, no
 * invalid UTF-8 or lone surrogates, no byte order mark, only safe integers (no fractions, exponents or `-0`), bounded depth and size.
 *
 * @param bytes the document
 * @returns its value; objects have a null prototype
 * @throws `malformed`
 */
export function parseJson(bytes: Uint8Array): JsonValue {
  if (bytes.length > MAX_JSON_BYTES) throw malformed(`longer than ${MAX_JSON_BYTES} bytes`);
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (cause) {
    throw malformed('not UTF-8', cause);
  }
  return parseEncoded(text) ?? new Parser(text).parse();
}

/**
 * Reads what `encodeJson` wrote, as publishers do, in a tenth of the time. Of each value there is one such text, so what is encoded again to the
 * same text was read right; what is not, the parser reads or refuses.
 */
function parseEncoded(text: string): JsonValue | undefined {
  try {
    // So many characters cannot be more objects and lists than allowed.
    if (text.length > 2 * MAX_JSON_CONTAINERS) return undefined;
    const value = JSON.parse(text) as JsonValue;
    takePrototypes(value, 0);
    return serialize(value, quoteAsJson) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @throws what makes the caller give up, below the deepest level */
function takePrototypes(value: JsonValue, depth: number): void {
  if (depth > MAX_JSON_DEPTH) throw malformed('nested too deep');
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) takePrototypes(item, depth + 1);
    return;
  }
  Object.setPrototypeOf(value, null);
  for (const key in value) takePrototypes(value[key] as JsonValue, depth + 1);
}

/**
 * Encodes a value in OLPC canonical JSON, the form that TUF signs: keys sorted by code point, no white space, strings with only `"` and
 * `\` escaped.
 *
 * @param value JSON whose numbers are safe integers
 * @returns UTF-8 bytes
 * @throws `malformed` when a number is not a safe integer or a text has a lone surrogate
 */
export function canonicalize(value: JsonValue): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(serialize(value, quoteCanonically));
}

/**
 * Encodes a value as a JSON document: the canonical form, except that control characters are escaped as JSON wants them.
 *
 * @param value JSON whose numbers are safe integers
 * @returns UTF-8 bytes
 * @throws `malformed`, as `canonicalize` does
 */
export function encodeJson(value: JsonValue): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(serialize(value, quoteAsJson));
}

/** Appends to one text: engines put that off until the end, which takes half the time of joining lists. */
function serialize(value: JsonValue, quote: (text: string) => string): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw malformed(`${value} is not a safe integer`);
  if (typeof value !== 'object' || value === null) return String(value);
  let items = '';
  if (Array.isArray(value)) {
    for (const item of value) items += (items && ',') + serialize(item, quote);
    return `[${items}]`;
  }
  for (const key of sortedKeys(value)) items += `${items && ','}${quote(key)}:${serialize(value[key] as JsonValue, quote)}`;
  return `{${items}}`;
}

function quoteCanonically(text: string): string {
  if (!UNUSUAL.test(text)) return `"${text}"`;
  refuseLoneSurrogate(text);
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function quoteAsJson(text: string): string {
  refuseLoneSurrogate(text);
  return JSON.stringify(text);
}

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  // Most documents are in order already.
  if (keys.some((key, i) => i > 0 && key < (keys[i - 1] as string))) keys.sort();
  // JavaScript sorts by UTF-16 unit, which is the order of code points unless there are surrogates.
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareCodePoints) : keys;
}

/** Encoded, a lone surrogate would turn into another character. The first test is there for speed. */
function refuseLoneSurrogate(text: string): void {
  if (SURROGATE.test(text) && /\p{Surrogate}/u.test(text)) throw malformed('a lone surrogate');
}

function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return rank(a, i) - rank(b, i);
}

/** The UTF-16 unit at an index, moved so that surrogates (code points above U+FFFF) come last and the end of the text first. */
function rank(text: string, index: number): number {
  const unit = index < text.length ? text.charCodeAt(index) : -1;
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function malformed(what: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError('malformed', `This is not the JSON that TUF allows: ${what}.`, {}, cause);
}

// Character codes: comparing numbers is several times faster than comparing texts of one character.
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Metadata can have megabytes, and a client reads them at each start, so this is written for speed. */
class Parser {
  readonly #text: string;
  #at = 0;
  #containers = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    const value = this.#value(0);
    this.#peek();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_JSON_DEPTH) throw malformed(`nested deeper than ${MAX_JSON_DEPTH} levels`);
    const first = this.#peek();
    if (first === QUOTE) return this.#string();
    if (first === OPEN_OBJECT || first === OPEN_LIST) {
      if (++this.#containers > MAX_JSON_CONTAINERS) throw malformed(`more than ${MAX_JSON_CONTAINERS} objects and lists`);
      return first === OPEN_OBJECT ? this.#object(depth) : this.#array(depth);
    }
    if (first === MINUS || isDigit(first)) return this.#number();
    if (this.#word('true')) return true;
    if (this.#word('false')) return false;
    if (this.#word('null')) return null;
    throw this.#unexpected();
  }

  #object(depth: number): JsonObject {
    // Object.create(null) would make a table, which takes longer to fill and much longer to list.
    const object: JsonObject = Object.setPrototypeOf({}, null);
    this.#at++;
    if (this.#take(CLOSE_OBJECT)) return object;
    do {
      if (this.#peek() !== QUOTE) throw this.#unexpected();
      const key = this.#string();
      if (key in object) throw malformed(`the key ${JSON.stringify(key.slice(0, 100))} twice`);
      this.#expect(COLON);
      object[key] = this.#value(depth + 1);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_OBJECT);
    return object;
  }

  #array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.#at++;
    if (this.#take(CLOSE_LIST)) return array;
    do array.push(this.#value(depth + 1));
    while (this.#take(COMMA));
    this.#expect(CLOSE_LIST);
    return array;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let end = start + 1;
    let isPlain = true;
    for (let code = text.charCodeAt(end); code !== QUOTE; code = text.charCodeAt(++end)) {
      if (code === BACKSLASH) {
        isPlain = false;
        end++; // what it escapes, a quote perhaps, ends no text
      } else if (!(code >= SPACE)) {
        throw malformed(`a text without end, or with a control character, at position ${end}`);
      }
    }
    this.#at = end + 1;
    return isPlain ? text.slice(start + 1, end) : withoutEscapes(text.slice(start, end + 1), start);
  }

  #number(): number {
    const start = this.#at;
    if (this.#text.charCodeAt(start) === MINUS) this.#at++;
    const first = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
    const length = this.#at - first;
    if (length === 0 || (length > 1 && this.#text.charCodeAt(first) === ZERO)) throw this.#unexpected();
    const number = Number(this.#text.slice(start, this.#at));
    if (!Number.isSafeInteger(number) || Object.is(number, -0)) throw malformed('a number that is not a safe integer');
    return number;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** The next character's code after white space, NaN at the end. */
  #peek(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
      code = this.#text.charCodeAt(++this.#at);
    }
    return code;
  }

  #take(code: number): boolean {
    if (this.#peek() !== code) return false;
    this.#at++;
    return true;
  }

  #expect(code: number): void {
    if (!this.#take(code)) throw this.#unexpected();
  }

  #unexpected(): VouchsafeError {
    return malformed(`unexpected ${JSON.stringify(this.#text[this.#at] ?? 'end')} at position ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** @param quoted a text with escapes, in its quotes */
function withoutEscapes(quoted: string, position: number): string {
  let text: string;
  try {
    text = JSON.parse(quoted) as string;
  } catch (cause) {
    throw malformed(`a text with a wrong escape at position ${position}`, cause);
  }
  // UTF-8 has none, but escapes can make one.
  refuseLoneSurrogate(text);
  return text;
}

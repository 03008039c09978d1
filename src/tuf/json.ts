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

// ignoreBOM keeps a byte order mark in the text, where the grammar then refuses it.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const SURROGATE = /[\ud800-\udfff]/;

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
  return new Parser(text).parse();
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
  return new TextEncoder().encode(serialize(value, (text) => `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`));
}

/**
 * Encodes a value as a JSON document: the canonical form, except that control characters are escaped as JSON wants them.
 *
 * @param value JSON whose numbers are safe integers
 * @returns UTF-8 bytes
 * @throws `malformed`, as `canonicalize` does
 */
export function encodeJson(value: JsonValue): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(serialize(value, JSON.stringify));
}

function serialize(value: JsonValue, quote: (text: string) => string): string {
  if (typeof value === 'string') {
    if (hasLoneSurrogate(value)) throw malformed('a lone surrogate');
    return quote(value);
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw malformed(`${value} is not a safe integer`);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => serialize(item, quote)).join()}]`;
  const members = sortedKeys(value).map((key) => `${serialize(key, quote)}:${serialize(value[key] as JsonValue, quote)}`);
  return `{${members.join()}}`;
}

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object).sort();
  // JavaScript sorts by UTF-16 unit, which is the order of code points unless there are surrogates.
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareCodePoints) : keys;
}

/** Encoded, a lone surrogate would turn into another character. The first test is there for speed. */
function hasLoneSurrogate(text: string): boolean {
  return SURROGATE.test(text) && /\p{Surrogate}/u.test(text);
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

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    const value = this.#value(0);
    if (this.#peek() !== '') throw this.#unexpected();
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_JSON_DEPTH) throw malformed(`nested deeper than ${MAX_JSON_DEPTH} levels`);
    const first = this.#peek();
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    const word = this.#match(/true|false|null/y);
    if (word) return word === 'null' ? null : word === 'true';
    return this.#number();
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = Object.create(null);
    this.#at++;
    if (this.#take('}')) return object;
    do {
      if (this.#peek() !== '"') throw this.#unexpected();
      const key = this.#string();
      if (key in object) throw malformed(`the key ${JSON.stringify(key.slice(0, 100))} twice`);
      this.#expect(':');
      object[key] = this.#value(depth + 1);
    } while (this.#take(','));
    this.#expect('}');
    return object;
  }

  #array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.#at++;
    if (this.#take(']')) return array;
    do array.push(this.#value(depth + 1));
    while (this.#take(','));
    this.#expect(']');
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start;
    // A quote ends the text unless an odd number of backslashes stands before it.
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw malformed('a text without end');
    } while (this.#isEscaped(end));
    this.#at = end + 1;
    const plain = this.#text.slice(start + 1, end);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them unescaped
    if (!/[\\\u0000-\u001f]/.test(plain)) return plain;
    let text: string;
    try {
      text = JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch (cause) {
      throw malformed(`a text with a wrong escape at position ${start}`, cause);
    }
    // UTF-8 has none, but escapes can make one.
    if (hasLoneSurrogate(text)) throw malformed('a lone surrogate');
    return text;
  }

  #isEscaped(quote: number): boolean {
    let start = quote;
    while (this.#text[start - 1] === '\\') start--;
    return (quote - start) % 2 === 1;
  }

  #number(): number {
    const digits = this.#match(/-?(?:0|[1-9]\d*)/y);
    if (!digits) throw this.#unexpected();
    const number = Number(digits);
    if (!Number.isSafeInteger(number) || Object.is(number, -0)) throw malformed(`a number that is not a safe integer`);
    return number;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  /** The next character after white space, the empty text at the end. */
  #peek(): string {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'end')) this.#at++;
    return this.#text[this.#at] ?? '';
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#unexpected();
  }

  #unexpected(): VouchsafeError {
    return malformed(`unexpected ${JSON.stringify(this.#text[this.#at] ?? 'end')} at position ${this.#at}`);
  }
}

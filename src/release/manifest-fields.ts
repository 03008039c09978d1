import { VouchsafeError } from '../tuf/errors.js';
import { asArray, asObject, asString } from '../tuf/fields.js';
import type { JsonObject, JsonValue } from '../tuf/json.js';

type Field = JsonValue | undefined;

// What the Fetch Standard lets a header value hold: no control characters but tab, nothing beyond Latin-1.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
// Rules in a list, and characters in a pattern. They are tried one by one at each request, each at the cost of its length times the path's.
const LIMIT = 1000;
// Where nothing is: it stands for the scope, which the manifest does not know.
const SCOPE = 'https://scope.invalid/s/';

/**
 * An object that has no other fields than these.
 *
 * @param value the field, as in all functions here
 * @param name what to call it in the error
 * @param fields the names it may have
 * @throws `malformed`
 */
export function record(value: Field, name: string, fields: readonly string[]): JsonObject {
  const object = asObject(value, name);
  for (const field of Object.keys(object)) if (!fields.includes(field)) throw malformed(field);
  return object;
}

/**
 * A URL on a secure origin, or one relative to the scope that stays below it, in the one way that the URL parser writes it: it drops tabs,
 * turns backslashes and resolves encoded dots. Two slashes could name another host behind the scope `/`.
 *
 * @returns an absolute URL, or a path with query and fragment, both percent-encoded
 * @throws `malformed`
 */
export function address(value: Field, name: string): string {
  const text = asString(value, name);
  try {
    const { href, origin, pathname } = new URL(text, SCOPE);
    if (href.startsWith(SCOPE) && !pathname.includes('//')) return href.slice(SCOPE.length);
    if (
      /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|$)/.test(origin) &&
      href.startsWith(`${origin}/`) &&
      /^https?:\/\//.test(text)
    )
      return href;
  } catch {}
  throw malformed(name);
}

/** One of a few values. @throws `malformed` */
export function oneOf<Value extends JsonValue>(value: Field, name: string, known: readonly Value[]): Value {
  const found = known.find((item) => item === value);
  if (found === undefined) throw malformed(name);
  return found;
}

/** Whether something holds; by default it does not. @throws `malformed` */
export function flag(value: Field, name: string): boolean {
  return oneOf(value ?? false, name, [false, true]);
}

/** A list of rules, by default empty. @throws `malformed` when it is none or too long */
export function list(value: Field, name: string): readonly JsonValue[] {
  const items = asArray(value ?? [], name);
  if (items.length > LIMIT) throw malformed(name);
  return items;
}

/** A target path pattern. @throws `malformed` when it is no text or too long */
export function pattern(value: Field, name: string): string {
  const text = asString(value, name);
  if (text.length > LIMIT) throw malformed(name);
  return text;
}

/** A list of patterns, by default empty. @throws `malformed` */
export function patterns(value: Field, name: string): string[] {
  return list(value, name).map((item) => pattern(item, name));
}

/** The names and values of an object. @throws `malformed` */
export function entries(value: Field, name: string): [string, JsonValue][] {
  return Object.entries(asObject(value, name));
}

/** Header values by name. @throws `malformed` */
export function headers(value: Field, name: string): [string, string][] {
  return entries(value, name).map(([key, text]) => {
    if (!HEADER_VALUE.test(asString(text, key))) throw malformed(key);
    return [key, `${text}`];
  });
}

/** What is thrown. @param field what to call it */
export function malformed(field: string): VouchsafeError {
  return new VouchsafeError('malformed', `The release manifest may not have this in "${field}".`);
}

import { VouchsafeError } from '../tuf/errors.js';
import { asArray, asObject, asString } from '../tuf/fields.js';
import type { JsonValue } from '../tuf/json.js';

/** Reads a field; undefined when it is not there and need not be. @throws `malformed`, with the name it is told */
export type Read<Value> = (value: JsonValue | undefined, name: string) => Value;

/** How each field of a type is read. On the wire its name is in snake_case. */
type Readers<Type> = { readonly [Field in keyof Type]-?: Read<Type[Field] | undefined> };

// Rules in a list, and characters in a pattern. They are tried one by one at each request, each at the cost of its length times the path's.
const LIMIT = 1000;

// Where nothing is: it stands for the scope, which the manifest does not know.
const SCOPE = 'https://scope.invalid/s/';

/** An object that has these fields and no others. */
export function record<Type extends object>(readers: Readers<Type>): Read<Type> {
  return (value, name) => {
    const json = { ...asObject(value, name) };
    const found: Record<string, unknown> = {};
    for (const [key, read] of Object.entries<Read<unknown>>(readers)) {
      const field = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const item = read(json[field], field);
      if (item !== undefined) found[key] = item;
      delete json[field];
    }
    for (const field of Object.keys(json)) throw malformed(field);
    return found as Type;
  };
}

/** An object with names of any kind. */
export function mapOf<Value>(read: Read<Value>, readKey: Read<string> = asString): Read<Map<string, Value>> {
  return (value, name) => new Map(Object.entries(asObject(value, name)).map(([key, item]) => [readKey(key, key), read(item, key)]));
}

/** A list of rules, empty when it is not there. */
export function rulesOf<Value>(read: Read<Value>): Read<Value[]> {
  return (value = [], name) => {
    const items = asArray(value, name);
    if (items.length > LIMIT) throw malformed(name);
    return items.map((item) => read(item, name));
  };
}

/** What may be left out, and what holds then. */
export function optional<Value>(read: Read<Value>): Read<Value | undefined>;
export function optional<Value>(read: Read<Value>, otherwise: Value): Read<Value>;
export function optional<Value>(read: Read<Value>, otherwise?: Value): Read<Value | undefined> {
  return (value, name) => (value === undefined ? otherwise : read(value, name));
}

/** One of a few values. */
export function oneOf<const Value extends JsonValue>(...known: readonly Value[]): Read<Value> {
  return (value, name) => {
    const found = known.find((item) => item === value);
    if (found === undefined) throw malformed(name);
    return found;
  };
}

/** A text that a regular expression matches. */
export function text(expression: RegExp): Read<string> {
  return (value, name) => {
    const found = asString(value, name);
    if (!expression.test(found)) throw malformed(name);
    return found;
  };
}

/** A target path pattern. */
export const pattern = text(new RegExp(`^.{0,${LIMIT}}$`, 's'));

/** Whether something holds; it does not when it is not there. */
export const flag = optional(oneOf(false, true), false);

/**
 * An absolute URL on a secure origin, or one relative to the scope that stays below it. Given back is what the URL parser makes of it: it
 * drops tabs, turns backslashes and resolves encoded dots. Two slashes could name another host behind the scope `/`.
 */
export const address: Read<string> = (value, name) => {
  const written = asString(value, name);
  try {
    const { href, origin, pathname } = new URL(written, SCOPE);
    if (href.startsWith(SCOPE) && !pathname.includes('//')) return href.slice(SCOPE.length);
    const isSecure = /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1])(:|$)/.test(origin);
    // Neither relative to the scheme nor with a user's name.
    if (isSecure && /^https?:\/\//.test(written) && href.startsWith(`${origin}/`)) return href;
  } catch {}
  throw malformed(name);
};

/** What is thrown for a field that has another value than it may. */
export function malformed(field: string): VouchsafeError {
  return new VouchsafeError('malformed', `The release manifest may not have this in "${field}".`);
}

import { VouchsafeError } from './errors.js';
import type { JsonObject, JsonValue } from './json.js';

/** Fields of metadata are read through these: each returns the value in its type or throws `malformed` naming the field. */

type Field = JsonValue | undefined;

export function asObject(value: Field, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  return value;
}

export function asArray(value: Field, name: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw wrong(name, 'a list');
  return value;
}

export function asString(value: Field, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'a text');
  return value;
}

/** An integer from `minimum` to 2^53 - 1; the parser lets no other numbers through above that. */
export function asInteger(value: Field, name: string, minimum: number): number {
  if (typeof value !== 'number' || value < minimum) throw wrong(name, `an integer of at least ${minimum}`);
  return value;
}

/**
 * A date as TUF writes it (specification section 4.1): `YYYY-MM-DDTHH:MM:SSZ` in UTC, and a day and second that exist.
 *
 * @returns milliseconds since 1970
 */
export function asDate(value: Field, name: string): number {
  const text = asString(value, name);
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse lets 30 February and 24:00 roll over to the next day; then it does not come back the same.
  if (Number.isNaN(time) || formatDate(time) !== text) throw wrong(name, 'a date like 2030-01-31T00:00:00Z');
  return time;
}

/**
 * @param time milliseconds since 1970
 * @returns the date as TUF writes it, rounded down to the second
 */
export function formatDate(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

function wrong(name: string, wanted: string): VouchsafeError {
  return new VouchsafeError('malformed', `"${name}" must be ${wanted}.`);
}

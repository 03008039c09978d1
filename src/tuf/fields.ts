import { VouchsafeError } from './errors.js';
import type { JsonObject, JsonValue } from './json.js';

type Field = JsonValue | undefined;

/**
 * Reads a field of metadata, as all functions here do.
 *
 * @param value the field
 * @param name what to call it in the error
 * @returns the value, known to be an object
 * @throws `malformed`
 */
export function asObject(value: Field, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  return value;
}

/** Like `asObject`, for a list. @throws `malformed` */
export function asArray(value: Field, name: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw wrong(name, 'a list');
  return value;
}

/** Like `asObject`, for a text. @throws `malformed` */
export function asString(value: Field, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'a text');
  return value;
}

/**
 * Like `asObject`, for an integer from `minimum` to 2^53 - 1. The parser has refused all other numbers, so only the minimum is left
 * to check.
 *
 * @throws `malformed`
 */
export function asInteger(value: Field, name: string, minimum: number): number {
  if (typeof value !== 'number' || value < minimum) throw wrong(name, `an integer of at least ${minimum}`);
  return value;
}

/**
 * A date as TUF writes it (specification section 4.1): `YYYY-MM-DDTHH:MM:SSZ` in UTC, and a day and second that exist.
 *
 * @param value the field
 * @param name what to call it in the error
 * @returns milliseconds since 1970
 * @throws `malformed`
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

import type fc from 'fast-check';
import { VouchsafeError } from '../../src/tuf/errors.js';

/** Inputs for one part of the code, and what must hold for each of them. */
export interface Campaign<T> {
  readonly name: string;
  /** They survive `saveInput` and `readInput`. */
  readonly inputs: fc.Arbitrary<T>;
  /** Throws when something does not hold. */
  check(input: T): void | Promise<void>;
}

/** Its inputs' type matters to nobody else. */
export type AnyCampaign = Campaign<unknown>;

/** Forgets the type of the inputs: only those that the campaign has made come back to it. */
export function campaign<T>(name: string, inputs: fc.Arbitrary<T>, check: (input: T) => void | Promise<void>): AnyCampaign {
  return { name, inputs, check: (input) => check(input as T) };
}

/**
 * Takes what a function returns; a refusal, which is what most inputs deserve, is undefined. Anything else that is thrown is a find.
 *
 * @param call the function under test
 */
export function unlessRefused<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof VouchsafeError) return undefined;
    throw error;
  }
}

/** Like `unlessRefused`, for a promise. */
export async function unlessRejected<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof VouchsafeError) return undefined;
    throw error;
  }
}

/** An input as text: JSON, with bytes in Base64. */
export function saveInput(input: unknown): string {
  return JSON.stringify(input, (_key, value: unknown) => {
    return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value;
  });
}

/** The input that `saveInput` saved. */
export function readInput(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    const bytes = (value as { $bytes?: unknown } | null)?.$bytes;
    return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : value;
  });
}

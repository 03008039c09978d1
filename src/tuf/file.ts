import { type ErrorFacts, VouchsafeError } from './errors.js';
import { asInteger, asObject, asString } from './fields.js';
import { isHex, toHex } from './hex.js';
import type { JsonObject, JsonValue } from './json.js';

/** Hash algorithms, as TUF and as WebCrypto name them, and their lengths in bytes. */
const ALGORITHMS = [
  ['sha256', 'SHA-256', 32],
  ['sha512', 'SHA-512', 64],
] as const;

/** Digests in lower-case hex, by algorithm. */
export interface Hashes {
  readonly sha256?: string;
  readonly sha512?: string;
}

/** What a file must be. */
export interface FileDigest {
  /** Bytes. */
  readonly length: number;
  /** At least one. */
  readonly hashes: Hashes;
}

/** A target as targets metadata lists it. */
export interface TargetFile extends FileDigest {
  readonly path: string;
  readonly custom?: JsonValue;
}

/**
 * @param bytes a file
 * @returns its length and SHA-256
 */
export async function describe(bytes: Uint8Array): Promise<FileDigest> {
  return { length: bytes.length, hashes: { sha256: await digest('SHA-256', bytes) } };
}

/**
 * @param digest a file's digest, or the parts of it that are known
 * @returns it in words, as the facts of errors have it, such as `sha256 9f86d0…, 4 bytes`
 */
export function inWords({ hashes, length }: Partial<FileDigest>): string {
  const words = ALGORITHMS.flatMap(([name]) => (hashes?.[name] === undefined ? [] : `${name} ${hashes[name]}`));
  if (length !== undefined) words.push(`${length} bytes`);
  return words.join(', ');
}

/**
 * The one length and hash check (specification 5.5.2, 5.6.2, 5.7.3). Every hash that is given must fit.
 *
 * @param bytes what came
 * @param expected what the signed metadata lists; length and hashes are optional there for metadata files
 * @param facts what the file is, for the error
 * @throws `mismatch`, with what was expected and what came
 */
export async function checkFile(bytes: Uint8Array, expected: Partial<FileDigest>, facts: ErrorFacts): Promise<void> {
  const hashes: { sha256?: string; sha512?: string } = {};
  let fits = expected.length === undefined || bytes.length === expected.length;
  for (const [name, algorithm] of ALGORITHMS) {
    const wanted = expected.hashes?.[name];
    if (wanted === undefined) continue;
    hashes[name] = await digest(algorithm, bytes);
    if (hashes[name] !== wanted) fits = false;
  }
  // A digest whose hashes are all unknown is no reason to accept the file.
  if (fits && (!expected.hashes || Object.keys(hashes).length > 0)) return;
  throw new VouchsafeError('mismatch', `${facts.path ?? facts.role ?? 'A file'} is not the one that was signed.`, {
    ...facts,
    expected: inWords(expected),
    actual: inWords({ hashes, ...(expected.length !== undefined && { length: bytes.length }) }),
  });
}

/**
 * Reads `hashes` (specification 4.4). Algorithms that are not known are passed over as long as one is.
 *
 * @param value the field
 * @throws `malformed`, or `unsupported` when no algorithm is known
 */
export function parseHashes(value: JsonValue | undefined): Hashes {
  const object = asObject(value, 'hashes');
  const hashes: { sha256?: string; sha512?: string } = {};
  for (const [name, , length] of ALGORITHMS) {
    if (object[name] === undefined) continue;
    const hash = asString(object[name], name);
    if (!isHex(hash, length))
      throw new VouchsafeError('malformed', `"${name}" must be ${2 * length} lower-case hexadecimal digits.`);
    hashes[name] = hash;
  }
  if (Object.keys(hashes).length === 0) {
    throw new VouchsafeError('unsupported', 'A file is listed without a hash that this client knows.', {
      expected: 'sha256 or sha512',
    });
  }
  return hashes;
}

/**
 * @param object what has the field `length`
 * @returns it, in bytes
 * @throws `malformed`
 */
export function parseLength(object: JsonObject): number {
  return asInteger(object.length, 'length', 0);
}

async function digest(algorithm: string, bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest(algorithm, bytes)));
}

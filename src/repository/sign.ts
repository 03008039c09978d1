import { toHex } from '../tuf/hex.js';
import { canonicalize, encodeJson, type JsonObject } from '../tuf/json.js';
import type { Signer } from './signer.js';

/** The specification that is written. */
export const SPEC_VERSION = '1.0.34';

/**
 * Signs metadata (specification 4.2).
 *
 * @param signed the signed part
 * @param signers who signs
 * @returns the document
 * @throws `malformed` when a number is not a safe integer or a text has a lone surrogate
 */
export async function signMetadata(signed: JsonObject, signers: readonly Signer[]): Promise<Uint8Array> {
  return encodeJson({ signatures: await signaturesOf(signed, signers), signed });
}

/**
 * @param signed the signed part
 * @param signers who signs
 * @returns their signatures, as metadata has them
 * @throws `malformed` when a number is not a safe integer or a text has a lone surrogate
 */
export async function signaturesOf(signed: JsonObject, signers: readonly Signer[]): Promise<JsonObject[]> {
  const message = canonicalize(signed);
  return Promise.all(signers.map(async (signer) => ({ keyid: signer.keyid, sig: toHex(await signer.sign(message)) })));
}

/**
 * @param previous the version before, if there is one
 * @returns the version after it
 * @throws RangeError after the highest one; only new keys and a new root lead out of there (specification 5.3.11)
 */
export function nextVersion(previous: { readonly version: number } | undefined): number {
  if (previous?.version === Number.MAX_SAFE_INTEGER) throw new RangeError('There is no version after 2^53 - 1.');
  return (previous?.version ?? 0) + 1;
}

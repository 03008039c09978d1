import { DerReader } from './der.js';
import { fromHex, toHex } from './hex.js';
import type { PublicKey } from './key.js';
import { fromPem } from './pem.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point (RFC 5480 section 2). */
const SPKI = '3059301306072a8648ce3d020106082a8648ce3d030107034200';
/** An uncompressed point: 4, x, y. */
const POINT_LENGTH = 65;
/** Bytes of r, and of s. */
const SCALAR_LENGTH = 32;

/**
 * Reads a P-256 key for the scheme `ecdsa-sha2-nistp256`.
 *
 * @param text PEM, or the uncompressed point in hex, as old roots of Sigstore have it
 * @returns the key, or undefined when the text is anything else
 */
export function ecdsaKey(text: string): PublicKey | undefined {
  const spki = fromPem(text);
  const hex = spki ? toHex(spki) : SPKI + text;
  const point = hex.startsWith(`${SPKI}04`) ? fromHex(hex.slice(SPKI.length), POINT_LENGTH) : undefined;
  if (!point) return undefined;
  return {
    identity: `ecdsa ${toHex(point)}`,
    async verify(signature, message) {
      const fixedLength = toFixedLength(signature);
      if (!fixedLength) return false;
      const key = await crypto.subtle.importKey('raw', point, ALGORITHM, false, ['verify']);
      return crypto.subtle.verify(ALGORITHM, key, fixedLength, message);
    },
  };
}

/** TUF has r and s in DER (RFC 3279 section 2.2.3), WebCrypto wants them side by side. Undefined for anything but two positive numbers. */
function toFixedLength(der: Uint8Array): Uint8Array | undefined {
  const signature = new Uint8Array(2 * SCALAR_LENGTH);
  try {
    const numbers = DerReader.sequence(der);
    for (const end of [SCALAR_LENGTH, 2 * SCALAR_LENGTH]) {
      const number = numbers.takePositive();
      if (number.length > SCALAR_LENGTH) return undefined;
      signature.set(number, end - number.length);
    }
    numbers.end();
    return signature;
  } catch {
    return undefined;
  }
}

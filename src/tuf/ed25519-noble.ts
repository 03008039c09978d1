import { Point } from '@noble/ed25519';
import { toHex } from './hex.js';
import { littleEndian } from './little-endian.js';

/**
 * The verdict in JavaScript, for engines without Ed25519. Call `verifyEd25519` instead, which decides beforehand where engines differ.
 *
 * noble's own `verify` multiplies by the cofactor, which accepts signatures that engines refuse. They compute R = [S]B - [k]A and
 * compare its encoding with the signature's (RFC 8032 section 5.1.7); so does this.
 *
 * @param publicKey 32 bytes
 * @param signature 64 bytes
 * @param message what was signed
 * @returns whether the signature is valid
 */
export async function verifyWithNoble(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  const r = signature.subarray(0, 32);
  const input = new Uint8Array(64 + message.length);
  input.set(r);
  input.set(publicKey, 32);
  input.set(message, 64);
  const k = littleEndian(new Uint8Array(await crypto.subtle.digest('SHA-512', input))) % Point.CURVE().n;
  try {
    const a = Point.fromBytes(publicKey);
    const s = littleEndian(signature.subarray(32));
    return toHex(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes()) === toHex(r);
  } catch {
    return false; // the key is not a point on the curve
  }
}

import { Point } from '@noble/ed25519';
import { toHex } from './hex.js';

// The field prime and the order of the base point (RFC 8032 section 5.1).
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
// y of the four points of order eight is this or its negative; 0, 1 and -1 are the other small orders' (the tests find them all by arithmetic).
const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** Public key bytes. */
export const PUBLIC_KEY_LENGTH = 32;
/** Signature bytes. */
export const SIGNATURE_LENGTH = 64;

let engineHasEd25519 = true;

/**
 * Whether a public key may be used at all: canonical encoding, and not one of the points of small order, for which engines accept
 * signatures that nobody made (and on which WebKitGTK crashes).
 *
 * @param publicKey 32 bytes
 */
export function isStrictPublicKey(publicKey: Uint8Array): boolean {
  const y = yCoordinate(publicKey);
  return publicKey.length === PUBLIC_KEY_LENGTH && y > 1n && y < P - 1n && y !== Y8 && y !== P - Y8;
}

/**
 * Verifies an Ed25519 signature as RFC 8032 section 5.1.7 has it, without the cofactor. Engines differ at the edges (small orders,
 * encodings that are not canonical), so those are decided here, before any engine is asked; what is left, all decide alike.
 *
 * @param publicKey 32 bytes, for which `isStrictPublicKey` holds
 * @param signature any bytes
 * @param message what was signed
 * @returns whether the signature is valid
 */
export async function verifyEd25519(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  if (!isStrictPublicKey(publicKey) || !isStrictSignature(signature)) return false;
  if (engineHasEd25519) {
    try {
      return await verifyWithWebCrypto(publicKey, signature, message);
    } catch (error) {
      // Any other failure is about this key alone (some engines reject a key that is not on the curve), and noble decides it.
      if ((error as Error).name === 'NotSupportedError') engineHasEd25519 = false;
    }
  }
  return verifyWithNoble(publicKey, signature, message);
}

/** The engine's verdict. Call `verifyEd25519` instead; this is exported so that tests can compare the two. */
export async function verifyWithWebCrypto(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', key, signature, message);
}

/**
 * The verdict in JavaScript. Call `verifyEd25519` instead; this is exported so that tests can compare the two.
 *
 * noble's own `verify` multiplies by the cofactor, which accepts signatures that engines refuse. They compute R = [S]B - [k]A and
 * compare its encoding with the signature's; so does this.
 */
export async function verifyWithNoble(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  const r = signature.subarray(0, 32);
  const input = new Uint8Array(64 + message.length);
  input.set(r);
  input.set(publicKey, 32);
  input.set(message, 64);
  const k = littleEndian(new Uint8Array(await crypto.subtle.digest('SHA-512', input))) % L;
  try {
    const a = Point.fromBytes(publicKey);
    const s = littleEndian(signature.subarray(32));
    return toHex(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes()) === toHex(r);
  } catch {
    return false; // the key is not a point on the curve
  }
}

/** 64 bytes, S below the group order, R encoded canonically. */
function isStrictSignature(signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_LENGTH && littleEndian(signature.subarray(32)) < L && yCoordinate(signature.subarray(0, 32)) < P
  );
}

function yCoordinate(point: Uint8Array): bigint {
  return littleEndian(point) & ((1n << 255n) - 1n);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes.slice().reverse())}`);
}

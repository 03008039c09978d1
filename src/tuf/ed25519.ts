import { verifyWithNoble } from './ed25519-noble.js';
import { littleEndian } from './little-endian.js';

// The field prime and the order of the base point (RFC 8032 section 5.1).
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
// y of the four points of order eight is this or its negative; 0, 1 and -1 are the other small orders' (the tests find them all by arithmetic).
const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** Public key bytes. */
export const PUBLIC_KEY_LENGTH = 32;
/** Signature bytes. */
export const SIGNATURE_LENGTH = 64;

/** The base point (RFC 8032 section 5.1): a key that no engine with Ed25519 rejects. */
const BASE_POINT = Uint8Array.of(0x58, ...new Uint8Array(31).fill(0x66));

/** Bytes. On longer messages the Ed25519 of WebKitGTK 2.50 crashes, and the process with it. */
const LONGEST_FOR_WEBKIT = 65_534;

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
 * @param publicKey 32 bytes
 * @param signature any bytes
 * @param message what was signed
 * @returns whether the signature is valid
 * @throws when the engine fails; that says nothing about the signature
 */
export async function verifyEd25519(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  if (!isStrictPublicKey(publicKey) || !isStrictSignature(signature)) return false;
  if (message.length > LONGEST_FOR_WEBKIT && isWebKit()) return verifyWithNoble(publicKey, signature, message);
  try {
    return await verifyWithWebCrypto(publicKey, signature, message);
  } catch (error) {
    if (!(await engineHasEd25519())) return verifyWithNoble(publicKey, signature, message);
    // Of the keys that are left, engines reject none but those that are not on the curve.
    if ((error as Error).name === 'DataError') return false;
    throw error;
  }
}

/** Whether the engine's WebCrypto has Ed25519. Asked each time: an answer that was remembered could outlive a passing failure. */
async function engineHasEd25519(): Promise<boolean> {
  try {
    await importKey(BASE_POINT);
    return true;
  } catch {
    return false;
  }
}

/** Whether this is WebKit, which Safari is too: nothing but its name says so. Blink, which was made from it, has another number there. */
function isWebKit(): boolean {
  return typeof navigator === 'object' && navigator.userAgent.includes('AppleWebKit/605.');
}

/** The engine's verdict. Call `verifyEd25519` instead; this is exported so that tests can compare the two. */
export async function verifyWithWebCrypto(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  return crypto.subtle.verify('Ed25519', await importKey(publicKey), signature, message);
}

function importKey(publicKey: Uint8Array): Promise<unknown> {
  return crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
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

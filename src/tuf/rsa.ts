import { BIT_STRING, DerReader, SEQUENCE } from './der.js';
import { toHex } from './hex.js';
import type { PublicKey } from './key.js';
import { fromPem } from './pem.js';

const ALGORITHM = { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 };
/** The algorithm rsaEncryption with its NULL (RFC 8017 appendix A.1). */
const RSA_ENCRYPTION = '06092a864886f70d0101010500';
/** Bits of the modulus: below 2,048 it can be factored before long; engines stop at 16,384, where verifying takes its time. */
const MODULUS_BITS = { least: 2048, most: 16_384 };

/**
 * Reads an RSA key for the scheme `rsassa-pss-sha256`, with MGF1 with SHA-256 and a salt as long as the hash.
 *
 * @param text PEM
 * @returns the key, or undefined when the text is anything else, the modulus is too short or too long, or the exponent is none that is used
 */
export function rsaKey(text: string): PublicKey | undefined {
  const spki = fromPem(text);
  const modulus = spki && modulusOf(spki);
  if (!modulus) return undefined;
  const bits = 8 * modulus.length + 24 - Math.clz32(modulus[0] ?? 0);
  if (bits < MODULUS_BITS.least || bits > MODULUS_BITS.most) return undefined;
  return {
    identity: `rsa ${toHex(modulus)}`,
    async verify(signature, message) {
      const key = await crypto.subtle.importKey('spki', spki, ALGORITHM, false, ['verify']);
      return crypto.subtle.verify(ALGORITHM, key, signature, message);
    },
  };
}

/** What tells two keys apart, out of a SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 8017 appendix A.1.1). */
function modulusOf(spki: Uint8Array): Uint8Array | undefined {
  try {
    const info = DerReader.sequence(spki);
    if (toHex(info.take(SEQUENCE)) !== RSA_ENCRYPTION) return undefined;
    const [unusedBits, ...publicKey] = info.take(BIT_STRING);
    info.end();
    const numbers = DerReader.sequence(Uint8Array.from(publicKey));
    const modulus = numbers.takePositive();
    const exponent = numbers.takePositive();
    numbers.end();
    return unusedBits === 0 && isExponent(exponent) ? modulus : undefined;
  } catch {
    return undefined;
  }
}

/** Odd, at least 3 (with 1, everybody can sign), and short, so that verifying is fast: what is used is 65,537, and 3 before. */
function isExponent(exponent: Uint8Array): boolean {
  const last = exponent.at(-1) ?? 0;
  return exponent.length <= 4 && last % 2 === 1 && (exponent.length > 1 || last > 1);
}

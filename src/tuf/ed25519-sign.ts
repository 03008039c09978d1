import { getPublicKeyAsync, signAsync, utils } from '@noble/ed25519';

/** @returns a new private key: 32 random bytes, the seed of RFC 8032 section 5.1.5 */
export function generateSeed(): Uint8Array {
  return utils.randomSecretKey();
}

/**
 * @param seed private key, 32 bytes
 * @returns the public key, 32 bytes
 */
export function publicKeyOf(seed: Uint8Array): Promise<Uint8Array> {
  return getPublicKeyAsync(seed);
}

/**
 * Signs with Ed25519 (RFC 8032 section 5.1.6). In a file of its own, so that a client's bundle holds no signing code.
 *
 * @param seed private key, 32 bytes
 * @param message what to sign
 * @returns 64 bytes
 */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  return signAsync(message, seed);
}

import { publicKeyOf, signEd25519 } from '../tuf/ed25519-sign.js';
import { describe } from '../tuf/file.js';
import { toHex } from '../tuf/hex.js';
import { canonicalize, type JsonObject } from '../tuf/json.js';

/** A public key as root metadata lists it. */
export interface PublicKey {
  readonly keyid: string;
  /** TUF key object: `keytype`, `scheme`, `keyval`. */
  readonly key: JsonObject;
}

/** Something that can sign: a key file, a hardware token, a service. Nothing else ever sees the private key. */
export interface Signer extends PublicKey {
  /**
   * @param message the canonical bytes
   * @returns the signature
   */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/**
 * A signer that holds an Ed25519 private key in memory. The keyid is the SHA-256 of the key object, as the specification suggests (4.2).
 *
 * @param seed private key, 32 bytes (RFC 8032 section 5.1.5)
 */
export async function ed25519Signer(seed: Uint8Array): Promise<Signer> {
  const key: JsonObject = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: toHex(await publicKeyOf(seed)) } };
  const { hashes } = await describe(canonicalize(key));
  return { keyid: `${hashes.sha256}`, key, sign: (message) => signEd25519(seed, message) };
}

import { isStrictPublicKey, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, verifyEd25519 } from './ed25519.js';
import { asObject, asString } from './fields.js';
import { fromHex } from './hex.js';
import type { JsonValue } from './json.js';

/** A public key that this client can verify with. */
export interface Key {
  /** What makes it this key: two keyids with one identity are one key, and count once towards a threshold. */
  readonly identity: string;
  /**
   * @param signature the `sig` field
   * @param message the canonical bytes that were signed
   * @returns whether it is a valid signature; never throws
   */
  verify(signature: string, message: Uint8Array): Promise<boolean>;
}

/**
 * Reads a public key (specification 4.2). Keys of unknown type or scheme, and keys no signature may count for (not 32 bytes of
 * lower-case hex, not canonical, small order), are ignored rather than refused: they may be meant for newer clients.
 *
 * @param value the key object
 * @returns the key, or undefined when this client cannot use it
 * @throws `malformed` when a field the specification asks for is missing
 */
export function parseKey(value: JsonValue | undefined): Key | undefined {
  const object = asObject(value, 'key');
  const type = asString(object.keytype, 'keytype');
  const scheme = asString(object.scheme, 'scheme');
  if (type !== 'ed25519' || scheme !== 'ed25519') return undefined;
  const hex = asString(asObject(object.keyval, 'keyval').public, 'public');
  const publicKey = fromHex(hex, PUBLIC_KEY_LENGTH);
  if (!publicKey || !isStrictPublicKey(publicKey)) return undefined;
  return {
    identity: `ed25519 ${hex}`,
    async verify(signature, message) {
      const bytes = fromHex(signature, SIGNATURE_LENGTH);
      return bytes !== undefined && verifyEd25519(publicKey, bytes, message);
    },
  };
}

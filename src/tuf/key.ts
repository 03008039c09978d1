import { ecdsaKey } from './ecdsa.js';
import { isStrictPublicKey, PUBLIC_KEY_LENGTH, verifyEd25519 } from './ed25519.js';
import { asObject, asString } from './fields.js';
import { fromHex } from './hex.js';
import type { JsonValue } from './json.js';
import { rsaKey } from './rsa.js';

/** A public key that this client can verify with. */
export interface Key {
  /** What makes it this key: two keyids with one identity are one key, and count once towards a threshold. */
  readonly identity: string;
  /**
   * @param signature the `sig` field
   * @param message the canonical bytes that were signed
   * @returns whether it is a valid signature
   * @throws when the engine fails; that says nothing about the signature, and is never a `VouchsafeError`
   */
  verify(signature: string, message: Uint8Array): Promise<boolean>;
}

/** A key as its type knows it. */
export interface PublicKey {
  /** See `Key`. Two ways to write one key give the same. */
  readonly identity: string;
  /** Whether the bytes are a valid signature. Throws the engine's DataError when the key is no point or modulus. */
  verify(signature: Uint8Array, message: Uint8Array): Promise<boolean>;
}

/** Characters of `keyval.public`: the longest key that is taken, an RSA key of 16,384 bits, has 2,900 in PEM. */
const MAX_KEY_LENGTH = 4096;
/** Hexadecimal digits of a signature: as many as that key's has. */
const MAX_SIGNATURE_LENGTH = 4096;

/** How to read `keyval.public`, by key type and scheme. */
const READERS: ReadonlyMap<string, (text: string) => PublicKey | undefined> = new Map([
  ['ed25519 ed25519', ed25519Key],
  ['ecdsa ecdsa-sha2-nistp256', ecdsaKey],
  // What old repositories, Sigstore's among them, call the key type.
  ['ecdsa-sha2-nistp256 ecdsa-sha2-nistp256', ecdsaKey],
  ['rsa rsassa-pss-sha256', rsaKey],
]);

/**
 * Reads a public key (specification 4.2). Keys of unknown type or scheme, and keys no signature may count for (not the encoding their type
 * asks for, weak, of small order), are ignored rather than refused: they may be meant for newer clients.
 *
 * @param value the key object
 * @returns the key, or undefined when this client cannot use it
 * @throws `malformed` when a field the specification asks for is missing
 */
export function parseKey(value: JsonValue | undefined): Key | undefined {
  const object = asObject(value, 'key');
  const read = READERS.get(`${asString(object.keytype, 'keytype')} ${asString(object.scheme, 'scheme')}`);
  const text = read && asString(asObject(object.keyval, 'keyval').public, 'public');
  const key = text !== undefined && text.length <= MAX_KEY_LENGTH ? read?.(text) : undefined;
  return (
    key && {
      identity: key.identity,
      async verify(signature, message) {
        const bytes = signature.length <= MAX_SIGNATURE_LENGTH ? fromHex(signature, signature.length / 2) : undefined;
        try {
          return bytes !== undefined && (await key.verify(bytes, message));
        } catch (error) {
          if ((error as Error).name === 'DataError') return false;
          throw error;
        }
      },
    }
  );
}

/**
 * @param value the field `keys`, an object of key objects
 * @returns those this client can use, by keyid. Keyids are names and no more (TAP 12): they need not be the hash of anything
 * @throws `malformed`
 */
export function parseKeys(value: JsonValue | undefined): ReadonlyMap<string, Key> {
  const keys = new Map<string, Key>();
  for (const [keyid, item] of Object.entries(asObject(value, 'keys'))) {
    const key = parseKey(item);
    if (key) keys.set(keyid, key);
  }
  return keys;
}

function ed25519Key(text: string): PublicKey | undefined {
  const publicKey = fromHex(text, PUBLIC_KEY_LENGTH);
  if (!publicKey || !isStrictPublicKey(publicKey)) return undefined;
  return { identity: `ed25519 ${text}`, verify: (signature, message) => verifyEd25519(publicKey, signature, message) };
}

import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '../../src/repository/signer.js';
import { canonicalize, type JsonObject } from '../../src/tuf/json.js';

/** Key types that TUF names (specification 4.2) and Node can sign with. */
export type NodeKeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** Signs with Node's own crypto, which shares no code with ours. */
export interface NodeSigner extends Signer {
  readonly type: NodeKeyType;
  /** What `sign` does, for those who cannot wait. */
  signNow(message: Uint8Array): Buffer;
}

/**
 * A signer with a new key.
 *
 * @param type key type
 * @param saltLength bytes of salt in an RSA-PSS signature
 */
export function nodeSigner(type: NodeKeyType, saltLength = 32): NodeSigner {
  const { publicKey, privateKey } = keyPair(type);
  const key = keyObject(type, publicKey);
  const padding = type === 'rsa' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } : {};
  const signNow = (message: Uint8Array) =>
    sign(type === 'ed25519' ? undefined : 'sha256', message, { key: privateKey, ...padding });
  return {
    type,
    keyid: createHash('sha256').update(canonicalize(key)).digest('hex'),
    key,
    signNow,
    sign: async (message) => signNow(message),
  };
}

function keyPair(type: NodeKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  if (type === 'ecdsa') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function keyObject(type: NodeKeyType, publicKey: KeyObject): JsonObject {
  if (type === 'ed25519') {
    // The last 32 bytes of the SubjectPublicKeyInfo are the key (RFC 8410).
    const hex = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
    return { keytype: type, scheme: type, keyval: { public: hex } };
  }
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { keytype: type, scheme: type === 'rsa' ? 'rsassa-pss-sha256' : 'ecdsa-sha2-nistp256', keyval: { public: pem } };
}

/**
 * Reads a public key in PEM (RFC 7468 section 13).
 *
 * @param text one block with the label PUBLIC KEY
 * @returns the SubjectPublicKeyInfo inside, or undefined when the text is anything else
 */
export function fromPem(text: string): Uint8Array | undefined {
  const base64 = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text)?.[1];
  try {
    return base64 === undefined ? undefined : Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** What each byte is in hexadecimal. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * @param bytes any bytes
 * @returns them in lower-case hexadecimal
 */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/**
 * Reads hexadecimal. Lower case only: then one value has one spelling, and a changed letter is a changed document.
 *
 * @param text hexadecimal digits
 * @param length how many bytes it must be
 * @returns the bytes, or undefined when the text is anything else
 */
export function fromHex(text: string, length: number): Uint8Array<ArrayBuffer> | undefined {
  if (!isHex(text, length)) return undefined;
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/**
 * @param text any text
 * @param length how many bytes it should be
 * @returns whether it is that many bytes in lower-case hexadecimal
 */
export function isHex(text: string, length: number): boolean {
  return text.length === 2 * length && /^(?:[0-9a-f]{2})*$/.test(text);
}

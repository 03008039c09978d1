import { toHex } from './hex.js';

/**
 * @param bytes any bytes, the least significant first
 * @returns the number (RFC 8032 section 5.1.2)
 */
export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes.slice().reverse())}`);
}

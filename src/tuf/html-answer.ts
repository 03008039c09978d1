import type { Diagnosis } from './errors.js';

/** Bytes at the start that are looked at with patterns. An attacker chooses them, and patterns may take the square of it. */
export const LOOKED_AT = 2 ** 13;

/**
 * Whether an answer is a page, as of a captive portal or a server's own for what it does not have.
 *
 * @param bytes what came, or how it begins
 * @returns what it seems to be; undefined for all but HTML
 */
export function htmlIn(bytes: Uint8Array): Extract<Diagnosis, 'login page' | 'HTML instead of the file'> | undefined {
  const head = new TextDecoder().decode(bytes.subarray(0, LOOKED_AT));
  const start = head.replace(/<!--.*?-->/gs, '').trimStart();
  if (!/^<(!doctype html|html|head|body|meta|title|script)\b/i.test(start)) return undefined;
  return isLogin(head) ? 'login page' : 'HTML instead of the file';
}

/**
 * Says what came instead of a JSON document.
 *
 * @param bytes what came
 * @returns what it seems to be; undefined for what may be JSON
 */
export function noJsonIn(bytes: Uint8Array): Diagnosis | undefined {
  if (bytes.length === 0) return 'empty';
  const isCut = bytes[0] === OPENING && new TextDecoder().decode(bytes.subarray(-LOOKED_AT)).trimEnd().at(-1) !== '}';
  return htmlIn(bytes) ?? (isCut ? 'truncated' : undefined);
}

/** The brace that a document of metadata begins with. */
const OPENING = 0x7b;

/** A page that asks for a password, or leads to one that will. */
function isLogin(text: string): boolean {
  return (
    /<input\b[^>]*\btype\s*=\s*["']?password/i.test(text) ||
    /(http-equiv\s*=\s*["']?refresh\b|\blocation\b)[^>]*(log-?in|log-?on|sign-?in|portal|auth\b|sso\b)/i.test(text)
  );
}

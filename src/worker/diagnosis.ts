import type { Chunks } from '../release/manifest.js';
import type { Diagnosis } from '../tuf/errors.js';
import { checkFile, describe, type FileDigest, type TargetFile } from '../tuf/file.js';
import { htmlIn } from '../tuf/html-answer.js';

/** Bytes. Larger files are not tried out in other forms. */
const LARGEST = 2 ** 22;
/** Characters at the end that are looked at with patterns. An attacker chooses them, and patterns may take the square of it. */
const LOOKED_AT = 2 ** 13;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * How much of an answer to read so that it can be told what it is: line breaks and a CDN's additions make a file longer.
 *
 * @param target the file that was asked for
 * @returns bytes
 */
export function roomFor({ length }: TargetFile): number {
  return Math.max(length, Math.min(2 * length + 2 ** 16, LARGEST));
}

/**
 * Says what bytes are that came instead of a file. An older release, line endings, a byte order mark, the final line break, and with chunk
 * hashes a cut, are certain: the hashes say so. The rest is what it looks like.
 *
 * @param bytes what came, refused
 * @param target what was signed
 * @param contentType the signed one
 * @param isOlder whether a SHA-256 (hex) is that of a file of an older release
 * @param chunks of the target, if it is signed in chunks
 */
export async function diagnose(
  bytes: Uint8Array,
  target: TargetFile,
  contentType: string,
  isOlder: (hash: string) => boolean,
  chunks?: Chunks,
): Promise<Diagnosis> {
  if (bytes.length === 0) return 'empty';
  if (isOlder((await describe(bytes)).hashes.sha256 ?? '')) return 'older release';
  if (bytes.length <= LARGEST) {
    if (await anyFits([withoutReturns(bytes), withReturns(bytes)], target)) return 'line endings differ';
    if (await anyFits(withOtherEnds(bytes), target)) return 'byte order mark or final line break differs';
  }
  const text = new TextDecoder().decode(bytes.subarray(0, LARGEST));
  const isShorter = bytes.length < target.length;
  const html = htmlIn(bytes);
  const isSignedHtml = contentType.includes('html');
  // An app may have a page to sign in itself; altered by a CDN it has about the length that was signed.
  const isOwn = isSignedHtml && bytes.length > target.length / 2 && bytes.length < target.length * 2;
  if (html === 'login page' && !isOwn) return html;
  if (html && !isSignedHtml) return 'HTML instead of the file';
  const isText = /^text\/|json|xml|javascript/.test(contentType) && !text.includes('\0');
  const isCut = chunks ? await startsWith(bytes, chunks) : !(isText && /[>}\])*;]\s*$/.test(text.slice(-LOOKED_AT)));
  if (isShorter && isCut) return 'truncated';
  return isText ? 'rewritten text, as by a CDN that minifies or injects' : 'unknown bytes';
}

async function anyFits(variants: readonly Uint8Array[], target: FileDigest): Promise<boolean> {
  for (const variant of variants) if (await fits(variant, target)) return true;
  return false;
}

async function fits(bytes: Uint8Array, digest: FileDigest): Promise<boolean> {
  return (
    bytes.length === digest.length &&
    checkFile(bytes, digest, {}).then(
      () => true,
      () => false,
    )
  );
}

function withoutReturns(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, i) => byte !== CARRIAGE_RETURN || bytes[i + 1] !== LINE_FEED);
}

function withReturns(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(2 * bytes.length);
  let length = 0;
  for (const byte of bytes) {
    if (byte === LINE_FEED) longer[length++] = CARRIAGE_RETURN;
    longer[length++] = byte;
  }
  return longer.subarray(0, length);
}

function withOtherEnds(bytes: Uint8Array): Uint8Array[] {
  const hasMark = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte);
  let end = bytes.length;
  while (bytes[end - 1] === LINE_FEED || bytes[end - 1] === CARRIAGE_RETURN) end--;
  return [bytes, hasMark ? bytes.subarray(3) : joined(BYTE_ORDER_MARK, bytes)].flatMap((whole) => {
    const trimmed = whole.subarray(0, whole.length - (bytes.length - end));
    return [whole, trimmed, joined(trimmed, [LINE_FEED]), joined(trimmed, [CARRIAGE_RETURN, LINE_FEED])];
  });
}

function joined(first: ArrayLike<number>, second: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Whether every whole chunk that came is the signed one. */
async function startsWith(bytes: Uint8Array, { size, sha256 }: Chunks): Promise<boolean> {
  const count = Math.floor(bytes.length / size);
  for (let i = 0; i < count; i++) {
    const digest = { length: size, hashes: { sha256: sha256[i] ?? '' } };
    if (!(await fits(bytes.subarray(i * size, (i + 1) * size), digest))) return false;
  }
  return count > 0;
}

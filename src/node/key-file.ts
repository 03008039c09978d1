import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { isSystemError, PublisherError } from './publisher-error.js';

/**
 * What stands before a private key in a key file. A fixed word makes a leaked key recognisable wherever it ends up, inlined into a
 * JavaScript bundle too: `publish` looks for it in every file it signs, and secret scanners can as well.
 */
const MARKER = 'vouchsafe-private-ed25519:';
const SEED_BYTES = 32;
const PRIVATE_KEY = new RegExp(`${MARKER}([0-9a-f]{${SEED_BYTES * 2}})`);

/** Longest text that `PRIVATE_KEY` can match: what a search in pieces has to carry over from one piece to the next. */
const PRIVATE_KEY_LENGTH = MARKER.length + SEED_BYTES * 2;

// A key file is about 150 bytes. Whatever is much longer is something else, and is not read into memory to find out.
const MAX_KEY_FILE_BYTES = 4096;

/**
 * Writes a new private key file, readable by its owner only. An existing file is never overwritten.
 *
 * @param path file to create
 * @param seed the key, 32 bytes
 * @param keyid TUF key id of its public half, for people: it is not read back
 * @throws `project-exists` when there is such a file
 */
export async function writeKeyFile(path: string, seed: Uint8Array, keyid: string): Promise<void> {
  const text = `${JSON.stringify({ keyid, private: MARKER + Buffer.from(seed).toString('hex') }, null, 2)}\n`;
  try {
    // O_EXCL ("wx"): whatever is there, a dangling link included, stays as it is.
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, 'EEXIST'))
      throw new PublisherError('project-exists', `${path} exists already; keys are never overwritten.`, error);
    throw error;
  }
}

/**
 * Reads a private key file.
 *
 * @param path key file
 * @returns the key's seed, 32 bytes
 * @throws `bad-key` when it is not a key file or others than its owner may read or write it
 */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  // The permissions are read from the open file, so they are those of the bytes that are read. NOFOLLOW is not asked for: a key on a
  // mounted stick or secret volume is often linked into place.
  const file = await open(path, constants.O_RDONLY);
  try {
    const { mode, size } = await file.stat();
    // Windows has no such mode bits; there the folder's access list is what protects the file.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new PublisherError('bad-key', `The private key ${path} is open to other users (mode ${octal}); run: chmod 600 ${path}`);
    }
    const hex = size > MAX_KEY_FILE_BYTES ? undefined : PRIVATE_KEY.exec(await file.readFile('latin1'))?.[1];
    if (hex === undefined) throw new PublisherError('bad-key', `${path} is not a Vouchsafe key file.`);
    return new Uint8Array(Buffer.from(hex, 'hex'));
  } finally {
    await file.close();
  }
}

/** Looks for a private key in a file's bytes, piece by piece. */
export class PrivateKeyDetector {
  #tail = Buffer.alloc(0);

  /**
   * @param chunk the next bytes of the file; not kept
   * @returns whether a private key ends in them
   */
  sees(chunk: Buffer): boolean {
    if (holdsKey(chunk)) return true;
    // What lies across two pieces: the whole of a large piece need not be copied for that.
    const seam = Buffer.concat([this.#tail, chunk.subarray(0, PRIVATE_KEY_LENGTH - 1)]);
    const isInSeam = this.#tail.length > 0 && holdsKey(seam);
    this.#tail = Buffer.from((chunk.length < PRIVATE_KEY_LENGTH ? seam : chunk).subarray(-(PRIVATE_KEY_LENGTH - 1)));
    return isInSeam;
  }
}

/** Most pieces do not hold the marker at all, and `includes` on a Buffer is far faster than a text search. */
function holdsKey(bytes: Buffer): boolean {
  return bytes.includes(MARKER) && PRIVATE_KEY.test(bytes.toString('latin1'));
}

/**
 * The name of a role's key file.
 *
 * @param role TUF role
 * @param index counts from 1
 */
export function keyFileName(role: string, index: number): string {
  return `${role}-${index}.json`;
}

/**
 * Whether a file name in the keys folder is one that is read as a key. Editors' and systems' own files (`.DS_Store`, `x.json~`) are not.
 *
 * @param path file name or path
 */
export function isKeyFileName(path: string): boolean {
  const name = basename(path);
  return name.endsWith('.json') && !name.startsWith('.');
}

import { VouchsafeError } from './errors.js';
import { describe } from './file.js';
import { parseJson } from './json.js';
import { metadataName } from './layout.js';

/**
 * A delta: how one version of a role's metadata is made from another. Texts are new, pairs are the beginning and the end (bytes) of what is
 * copied from the old one. It is a way to send a document, no more: what comes out of it is checked like one that came whole.
 */
export type Delta = readonly (string | readonly [begin: number, end: number])[];

/**
 * The file name of a delta, relative to the metadata folder. It is in a folder of its own, where no role's name can lead.
 *
 * @param role role name
 * @param version the version that it makes
 * @param base what it makes it from
 */
export async function deltaName(role: string, version: number, base: Uint8Array): Promise<string> {
  const { hashes } = await describe(base);
  return `deltas/${hashes.sha256}.${metadataName(role, version)}`;
}

/**
 * Makes one version of a document from another.
 *
 * @param base the other version
 * @param delta as it came
 * @param length what the result must have at most, in bytes
 * @throws `malformed` for what is no delta, or makes too much
 */
export function applyDelta(base: Uint8Array, delta: Uint8Array, length: number): Uint8Array {
  try {
    const bytes = new Uint8Array(length);
    let size = 0;
    for (const part of parseJson(delta) as Delta) {
      const piece = typeof part === 'string' ? new TextEncoder().encode(part) : base.subarray(...part);
      // Throws when it does not fit.
      bytes.set(piece, size);
      size += piece.length;
    }
    // A copy: of a view all that it is a view of would be stored.
    return bytes.slice(0, size);
  } catch (error) {
    throw new VouchsafeError('malformed', 'This is no delta of metadata.', {}, error);
  }
}

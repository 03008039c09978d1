import type { JsonObject } from '../tuf/json.js';
import type { Targets } from '../tuf/targets.js';
import { indexTargets } from '../tuf/targets-index.js';
import { signaturesOf } from './sign.js';
import type { Signer } from './signer.js';

/**
 * Signs the index of targets metadata: with it a client that has verified the whole document once opens it again by reading a few kilobytes.
 *
 * @param targets signed targets metadata
 * @param isNamed whether the index names a path itself
 * @param signers who signs for the targets; as many as the root's threshold asks for
 * @returns the signatures, which the snapshot lists (`index_signatures`)
 */
export async function signIndex(
  targets: Targets,
  isNamed: (path: string) => boolean,
  signers: readonly Signer[],
): Promise<JsonObject[]> {
  return signaturesOf((await indexTargets(targets, isNamed)).signed, signers);
}

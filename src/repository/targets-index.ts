import { describe } from '../tuf/file.js';
import type { Targets } from '../tuf/targets.js';
import { INDEX_TYPE, indexName, indexTargets } from '../tuf/targets-index.js';
import { SPEC_VERSION, signMetadata } from './sign.js';
import type { Signer } from './signer.js';

/** An index as a file of the repository. */
export interface IndexFile {
  /** File name in the metadata folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What the snapshot lists it by, hex. */
  readonly sha256: string;
}

/**
 * Makes the signed index of targets metadata: with it a client that has verified the whole document once opens it again by reading a few kilobytes.
 *
 * @param targets signed targets metadata
 * @param isNamed whether the index names a path itself
 * @param signers who signs for the targets; as many as the root's threshold asks for
 */
export async function makeIndex(
  targets: Targets,
  isNamed: (path: string) => boolean,
  signers: readonly Signer[],
): Promise<IndexFile> {
  const { content } = await indexTargets(targets, isNamed);
  const { version, expires = null } = targets.signed;
  const fields = { _type: INDEX_TYPE, spec_version: SPEC_VERSION, version: version ?? null, expires };
  const bytes = await signMetadata({ ...content, ...fields }, signers);
  const { hashes } = await describe(bytes);
  const sha256 = hashes.sha256 ?? '';
  return { name: indexName(sha256), bytes, sha256 };
}

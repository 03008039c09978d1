import { describe } from '../tuf/file.js';
import type { Targets } from '../tuf/targets.js';
import { INDEX_TYPE, indexName, indexTargets } from '../tuf/targets-index.js';
import type { MetadataFile } from './release.js';
import { SPEC_VERSION, signMetadata } from './sign.js';
import type { Signer } from './signer.js';

/**
 * Makes the signed index of targets metadata: with it a client that has verified the whole document once opens it again by reading a few kilobytes.
 *
 * @param targets signed targets metadata
 * @param named paths of files that the index names itself
 * @param signers who signs for the targets; as many as the root's threshold asks for
 */
export async function makeIndex(targets: Targets, named: readonly string[], signers: readonly Signer[]): Promise<MetadataFile> {
  const { content } = await indexTargets(targets, named);
  const { version, expires = null } = targets.signed;
  const fields = { _type: INDEX_TYPE, spec_version: SPEC_VERSION, version: version ?? null, expires };
  const bytes = await signMetadata({ ...content, ...fields }, signers);
  return { name: indexName(await describe(targets.bytes)), bytes };
}

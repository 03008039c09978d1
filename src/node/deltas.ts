import { join } from 'node:path';
import { METADATA_FOLDER } from '../release/config.js';
import { makeDelta } from '../repository/delta.js';
import type { MetadataFile } from '../repository/release.js';
import { deltaName } from '../tuf/delta.js';
import type { Output } from './output.js';
import { readIfPresent } from './repository-directory.js';

/** How many releases a client may be behind and still get a delta. Whoever was away for longer gets the whole document. */
const BASES = 8;

/**
 * Writes deltas to new targets metadata from the versions before it, as far as the output folder has them. A version that somebody has tampered
 * with, or which is damaged, costs its delta, no more: the name carries its hash, which no client asks for.
 *
 * @param output the output folder
 * @param metadata what the release changed
 * @throws `bad-output`
 */
export async function writeDeltas(output: Output, metadata: readonly MetadataFile[]): Promise<void> {
  for (const { name, bytes } of metadata) {
    const version = Number(/^(\d+)\.targets\.json$/.exec(name)?.[1] ?? 0);
    for (let before = version - 1; before > 0 && before >= version - BASES; before--) {
      const base = await readIfPresent(join(output.folder, METADATA_FOLDER, `${before}.targets.json`));
      if (!base) continue;
      const delta = deltaOf(base, bytes);
      // A client asks for no longer ones, which save little.
      if (delta && delta.length < bytes.length / 2)
        await output.write(METADATA_FOLDER + (await deltaName('targets', version, base)), delta);
    }
  }
}

/** Of what is no text there is none. */
function deltaOf(base: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  try {
    return makeDelta(base, bytes);
  } catch {
    return undefined;
  }
}

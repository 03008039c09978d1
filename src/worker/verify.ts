import type { Progress, Refusal, VerifyResult } from '../messages/messages.js';
import { fileRule } from '../release/manifest.js';
import type { ChunkedFiles } from './chunked-files.js';
import { toRefusal } from './refusal.js';
import { piecesOf, type Release } from './release.js';
import type { VerifiedFiles } from './verified-files.js';

/** Pages are told of progress at most this often, in milliseconds. */
const PROGRESS_EVERY = 100;

/**
 * Hashes every file of a release that is to be stored, and gets again what is damaged or missing.
 *
 * @param release the release
 * @param files reads and heals
 * @param chunks the same for large files
 * @param onProgress told now and then, and at the end
 */
export async function verifyRelease(
  release: Release,
  files: VerifiedFiles,
  chunks: ChunkedFiles,
  onProgress: (progress: Progress) => void,
): Promise<VerifyResult> {
  files.reread();
  const all = [...(await release.targets.all()).values()].filter(
    ({ path }) => fileRule(release.manifest, path).keep === 'precache',
  );
  const totalBytes = all.reduce((sum, { length }) => sum + length, 0);
  const healed: string[] = [];
  const failed: Refusal[] = [];
  let bytes = 0;
  let told = 0;
  for (const [i, file] of all.entries()) {
    try {
      const missing = [];
      // One at a time: a large file is never in memory as a whole.
      for (const piece of piecesOf(release, file)) if (!(await files.load(piece))) missing.push(piece);
      if (missing[0] === file) await files.read(release, file);
      else for await (const [piece, chunk] of chunks.download(release, file, missing)) await files.save(piece, chunk);
      if (missing.length > 0) healed.push(file.path);
    } catch (error) {
      failed.push(toRefusal(error));
    }
    bytes += file.length;
    if (Date.now() - told >= PROGRESS_EVERY || i === all.length - 1) {
      told = Date.now();
      onProgress({ files: i + 1, totalFiles: all.length, bytes, totalBytes });
    }
  }
  return { files: all.length, bytes: totalBytes, healed, failed };
}

import type { Progress, Refusal, VerifyResult } from '../messages/messages.js';
import { fileRule } from '../release/manifest.js';
import type { TargetFile } from '../tuf/file.js';
import type { ChunkedFiles } from './chunked-files.js';
import { toRefusal } from './refusal.js';
import { type Piece, piecesOf, type Release } from './release.js';
import { fileKey, type VerifiedFiles } from './verified-files.js';

/** Pages are told of progress at most this often, in milliseconds. */
const PROGRESS_EVERY = 100;

/**
 * Hashes everything that is stored of some releases, and gets again what is damaged or missing. What is only stored when it is used may be missing.
 *
 * @param releases which
 * @param files reads and heals
 * @param chunks the same for large files
 * @param onProgress told now and then, and at the end
 */
export async function verifyReleases(
  releases: readonly Release[],
  files: VerifiedFiles,
  chunks: ChunkedFiles,
  onProgress: (progress: Progress) => void,
): Promise<VerifyResult> {
  files.reread();
  const stored = await files.stored();
  const healed: string[] = [];
  const failed: Refusal[] = [];
  // A file that several releases have is one.
  const all = new Map<string, { release: Release; file: TargetFile; pieces: readonly Piece[] }>();
  const add = (release: Release, file: TargetFile): void => {
    const { keep } = fileRule(release.manifest, file.path);
    if (keep === 'network-only') return;
    const pieces = piecesOf(release, file).filter((piece) => keep === 'precache' || stored.has(fileKey(piece)));
    if (pieces.length > 0) all.set(`${fileKey(file)} ${file.path}`, { release, file, pieces });
  };
  const orFail = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failed.push(toRefusal(error));
    }
  };
  for (const release of releases) {
    // What a release lists whose targets metadata is lost, nobody can say; the others are verified all the same.
    await orFail(async () => {
      for (const file of (await release.targets.all()).values()) await orFail(() => add(release, file));
    });
  }
  const totalBytes = sizeOf([...all.values()].flatMap(({ pieces }) => pieces));
  const progress = { files: 0, totalFiles: all.size, bytes: 0, totalBytes };
  let told = 0;
  for (const { release, file, pieces } of all.values()) {
    await orFail(async () => {
      const missing: Piece[] = [];
      // One at a time: a large file is never in memory as a whole.
      for (const piece of pieces) if (!(await files.load(piece))) missing.push(piece);
      if (missing[0] === file) await files.read(release, file);
      else for await (const [piece, chunk] of chunks.download(release, file, missing)) await files.saveChunk(piece, chunk);
      if (missing.length > 0) healed.push(file.path);
    });
    progress.files++;
    progress.bytes += sizeOf(pieces);
    if (Date.now() - told >= PROGRESS_EVERY || progress.files === all.size) {
      told = Date.now();
      onProgress({ ...progress });
    }
  }
  return { files: all.size, bytes: totalBytes, healed, failed };
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

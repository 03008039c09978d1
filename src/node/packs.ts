import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TARGETS_FOLDER } from '../release/config.js';
import { PACKS_FOLDER, type Pack } from '../release/packs.js';
import { describe, type TargetFile } from '../tuf/file.js';
import { targetLocation } from '../tuf/layout.js';
import { describeFile } from './describe-file.js';
import type { Output } from './output.js';
import { PublisherError } from './publisher-error.js';
import { namesIn } from './repository-directory.js';
import { changedMeanwhile } from './write-file.js';

/**
 * Writes packs under the hashes that nobody asks for yet. One at a time is in memory.
 *
 * @param output the output folder
 * @param packs what is to be in them: with the same files the same bytes, on any machine
 * @param fileOf where a target's bytes are, absolute
 * @returns the packs as targets
 * @throws `bad-input` when a file is no longer what it was, `bad-output`
 */
export async function writePacks(
  output: Output,
  packs: readonly Pack[],
  fileOf: ReadonlyMap<string, string>,
): Promise<TargetFile[]> {
  const targets: TargetFile[] = [];
  for (const pack of packs) {
    const bytes = contentOf(pack, fileOf);
    const target = { path: pack.path, ...(await describe(bytes)) };
    await output.write(TARGETS_FOLDER + targetLocation(target, true), bytes);
    targets.push(target);
  }
  return targets;
}

/**
 * Deletes the packs of earlier releases: with three files changed there would be five megabytes more each time, for ever. Who still looks for one
 * gets its files one by one.
 *
 * @param output the output folder
 * @param current the packs of the release that is out now, as targets
 * @throws `bad-output`
 */
export async function deleteOtherPacks(output: Output, current: readonly TargetFile[]): Promise<void> {
  const folder = join(output.folder, TARGETS_FOLDER, PACKS_FOLDER);
  const kept = new Set(current.map((target) => targetLocation(target, true).slice(PACKS_FOLDER.length)));
  for (const name of await namesIn(folder)) {
    if (kept.has(name) || !/^[0-9a-f]{64}\.\d+\.txt$/.test(name)) continue;
    await rm(join(folder, name), { force: true }).catch((error: unknown) => {
      throw new PublisherError('bad-output', `${name} cannot be deleted from ${folder}: ${String(error)}`, error);
    });
  }
}

function contentOf({ length, files }: Pack, fileOf: ReadonlyMap<string, string>): Uint8Array {
  const bytes = new Uint8Array(length);
  let begin = 0;
  for (const { path, length: size, hashes } of files) {
    const source = fileOf.get(path) ?? '';
    const end = begin + size;
    const digest = describeFile(source, (piece) => {
      // It has grown.
      if (begin + piece.length > end) throw changedMeanwhile(source);
      bytes.set(piece, begin);
      begin += piece.length;
    });
    if (begin !== end || digest.hashes.sha256 !== hashes.sha256) throw changedMeanwhile(source);
  }
  return bytes;
}

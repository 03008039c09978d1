import type { Store } from '../store/store.js';
import { checkFile, type TargetFile } from '../tuf/file.js';

/** Gets a target's bytes from the repository, checked. */
export type Download = (target: TargetFile) => Promise<Uint8Array>;

/**
 * A target's bytes: from the store, hashed again, else from the repository, checked, and stored for the next time. A page script that
 * alters what is stored costs a download, no more.
 *
 * @param store the worker's store
 * @param target as the signed metadata lists it
 * @param download where to heal from
 * @param onDamage told what was wrong with stored bytes before they are replaced
 * @returns bytes that match the target's hashes and length
 * @throws what `download` throws
 */
export async function readFile(
  store: Store,
  target: TargetFile,
  download: Download,
  onDamage: (error: unknown) => void,
): Promise<Uint8Array> {
  try {
    const stored = await store.loadFile(fileKey(target));
    if (stored) {
      await checkFile(stored, target, { path: target.path });
      return stored;
    }
  } catch (error) {
    onDamage(error);
  }
  const bytes = await download(target);
  await store.saveFile(fileKey(target), bytes).catch(onDamage);
  return bytes;
}

/** The hash under which a file is stored. Two targets with the same bytes share one record. */
export function fileKey(target: TargetFile): string {
  return target.hashes.sha256 ?? target.hashes.sha512 ?? '';
}

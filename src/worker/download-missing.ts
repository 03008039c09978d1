import type { Progress } from '../messages/messages.js';
import type { Store } from '../store/store.js';
import type { Release } from './release.js';
import { type Download, fileKey } from './verified-files.js';

/** Downloads under way at once: what a browser opens to one HTTP/1.1 server. */
const CONNECTIONS = 6;
/** Pages are told of progress at most this often, in milliseconds. */
const PROGRESS_EVERY = 50;

/**
 * Stores every file of a release that is not stored yet. What a killed worker had stored is not downloaded again.
 *
 * @param release whose files
 * @param store where to
 * @param download gets one file, checked
 * @param onProgress told at the start, now and then, and at the end
 * @throws what the first failing download or write throws; no further download starts then
 */
export async function downloadMissing(
  release: Release,
  store: Store,
  download: Download,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const stored = await store.storedHashes();
  const all = [...new Map(Array.from(release.targets.values(), (target) => [fileKey(target), target])).values()];
  const missing = all.filter((target) => !stored.has(fileKey(target)));
  const sizeOf = (files: typeof all) => files.reduce((sum, file) => sum + file.length, 0);
  const totalBytes = sizeOf(all);
  let files = all.length - missing.length;
  let bytes = totalBytes - sizeOf(missing);
  let told = 0;
  const tell = () => {
    const now = Date.now();
    if (now - told < PROGRESS_EVERY && files < all.length) return;
    told = now;
    onProgress({ files, totalFiles: all.length, bytes, totalBytes });
  };
  tell();
  let isFailed = false;
  const work = async () => {
    for (let target = missing.shift(); target && !isFailed; target = missing.shift()) {
      try {
        await store.saveFile(fileKey(target), await download(target));
      } catch (error) {
        isFailed = true;
        throw error;
      }
      files++;
      bytes += target.length;
      tell();
    }
  };
  // All of them end before this does: a download that outlived a failed update would store files that nobody asks for.
  const ended = await Promise.allSettled(Array.from({ length: CONNECTIONS }, work));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

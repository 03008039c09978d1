import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FileServer, serveFiles } from './file-server.js';

/**
 * Writes files into a folder and serves that folder.
 *
 * @param folder where to
 * @param files bytes by URL path
 */
export async function serveFolder(folder: string, files: Iterable<readonly [string, Uint8Array]>): Promise<FileServer> {
  writeFiles(folder, files);
  return serveFiles((path) => {
    const file = join(folder, path);
    return existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;
  });
}

/** Writes files into a folder, over those that are there. File names are percent-encoded as URL paths are. */
export function writeFiles(folder: string, files: Iterable<readonly [string, Uint8Array]>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

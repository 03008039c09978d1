import { statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { LOADER_PAGE, LOADER_SCRIPT, REPOSITORY_FOLDER, WORKER_SCRIPT } from '../release/config.js';
import { MANIFEST_PATH } from '../release/manifest.js';
import { MAX_PATH_LENGTH } from '../tuf/layout.js';
import { isInside } from './folders.js';
import { isSystemError, PublisherError } from './publisher-error.js';

/** A file to publish. */
export interface SourceFile {
  /** TUF target path: relative to the folder, with `/`. */
  readonly path: string;
  /** Where its bytes are, absolute. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/** What a folder holds. */
export interface Scan {
  /** In the order of their paths' code units, so that two machines publish the same list. */
  readonly files: readonly SourceFile[];
  /** Hidden files and folders that were left out, relative to the folder. */
  readonly skipped: readonly string[];
}

// The one hidden folder that belongs to the web (RFC 8615).
const WELL_KNOWN = '.well-known';
// A hashed name is 64 hex digits and a dot longer than the file's own, and file systems end at 255 bytes.
const MAX_NAME_BYTES = 255 - 65;

/**
 * Lists the files of a built app.
 *
 * Hidden files (`.git`, `.env`, `.DS_Store`) are left out, except `.well-known`. A symbolic link is followed when it stays inside the
 * folder and leads to something that is published anyway; one that leaves the folder is an error, because it would publish a file that
 * nobody looking at the folder sees, and leaving it out would break the app.
 *
 * @param folder absolute real path
 * @returns files and what was left out
 * @throws `bad-input` for a folder without HTML, names that cannot be published, links that leave, sockets and devices
 */
export async function scanFolder(folder: string): Promise<Scan> {
  const files: SourceFile[] = [];
  const skipped: string[] = [];
  await walk(folder, folder, '', [folder], files, skipped);
  if (files.length === 0) throw new PublisherError('bad-input', `The folder ${folder} is empty; build the app first.`);
  if (!files.some(({ path }) => isPage(path))) {
    throw new PublisherError(
      'bad-input',
      `The folder ${folder} has no HTML file, so it is not a web app; name the folder that the build writes.`,
    );
  }
  // Not localeCompare: the order must not depend on the machine's language.
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, skipped: skipped.sort() };
}

/**
 * Whether a target path is a page, which the loader has to stand in for until the worker runs.
 *
 * @param path target path
 */
export function isPage(path: string): boolean {
  return /\.html?$/i.test(path);
}

async function walk(
  root: string,
  folder: string,
  prefix: string,
  above: readonly string[],
  files: SourceFile[],
  skipped: string[],
): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = prefix + entry.name;
    if (entry.name.startsWith('.') && !(prefix === '' && entry.name === WELL_KNOWN)) {
      skipped.push(path);
      continue;
    }
    checkName(entry.name, path);
    const file = entry.isSymbolicLink() ? await followLink(root, join(folder, entry.name), path) : join(folder, entry.name);
    // To wait for the thread pool takes longer than this.
    const kind = statSync(file);
    if (kind.isDirectory()) {
      if (above.includes(file)) throw new PublisherError('bad-input', `The symbolic link ${path} leads back to a folder above it.`);
      checkReserved(`${path}/`);
      await walk(root, file, `${path}/`, [...above, file], files, skipped);
    } else if (kind.isFile()) {
      checkReserved(path);
      files.push({ path, file, size: kind.size });
    } else {
      throw new PublisherError('bad-input', `${path} is neither a file nor a folder (a socket, pipe or device); remove it.`);
    }
  }
}

async function followLink(root: string, link: string, path: string): Promise<string> {
  let file: string;
  try {
    file = await realpath(link);
  } catch (error) {
    if (isSystemError(error, 'ENOENT'))
      throw new PublisherError('bad-input', `The symbolic link ${path} leads nowhere; remove it.`, error);
    if (isSystemError(error, 'ELOOP'))
      throw new PublisherError('bad-input', `The symbolic link ${path} leads to itself; remove it.`, error);
    throw error;
  }
  if (file !== root && !isInside(file, root)) {
    throw new PublisherError('bad-input', `The symbolic link ${path} leads out of the folder to ${file}; replace it with a copy.`);
  }
  const segments = relative(root, file).split(sep);
  if (segments.some((segment, i) => segment.startsWith('.') && !(i === 0 && segment === WELL_KNOWN))) {
    throw new PublisherError(
      'bad-input',
      `The symbolic link ${path} leads to a hidden file, which is not published; replace it with a copy.`,
    );
  }
  return file;
}

/** A name has to mean the same file in a TUF target path, in a URL and on the file system of whoever hosts it. */
function checkName(name: string, path: string): void {
  const shown = JSON.stringify(path);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name))
    throw new PublisherError('bad-input', `The file name ${shown} has a control character in it; rename it.`);
  if (name.includes('\\')) throw new PublisherError('bad-input', `The file name ${shown} has a backslash in it; rename it.`);
  // Node puts U+FFFD where a file name is not UTF-8.
  if (name.includes('\ufffd')) throw new PublisherError('bad-input', `The file name ${shown} is not UTF-8; rename it.`);
  if (path.length > MAX_PATH_LENGTH) {
    throw new PublisherError('bad-input', `The path ${shown} is longer than ${MAX_PATH_LENGTH} characters; shorten it.`);
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new PublisherError('bad-input', `The file name ${shown} is longer than ${MAX_NAME_BYTES} bytes; shorten it.`);
  }
}

/** Names that Vouchsafe writes itself. Compared in lower case, because some hosts' file systems do not tell `Vouchsafe` from `vouchsafe`. */
function checkReserved(path: string): void {
  const lower = path.toLowerCase();
  if (
    lower.startsWith(REPOSITORY_FOLDER) ||
    lower === REPOSITORY_FOLDER.slice(0, -1) ||
    [WORKER_SCRIPT, LOADER_SCRIPT, LOADER_PAGE, MANIFEST_PATH].includes(lower)
  ) {
    throw new PublisherError('bad-input', `The name ${path} is one that Vouchsafe writes itself; rename it in the app.`);
  }
}

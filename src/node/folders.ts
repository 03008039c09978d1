import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { METADATA_FOLDER, REPOSITORY_FOLDER, TARGETS_FOLDER } from '../release/config.js';
import { isSystemError, PublisherError } from './publisher-error.js';

/** The folders of one publish, absolute and with every symbolic link resolved. */
export interface Folders {
  readonly directory: string;
  readonly out: string;
}

/**
 * Resolves the folders of a publish and checks that none of them is in another's way: the output would publish itself, or private keys
 * would be published.
 *
 * @param directory folder with the built app
 * @param out folder to write, which need not exist
 * @param keys folder with the private keys, which need not exist
 * @returns the folders' real paths
 * @throws `bad-input`, `bad-output`, `key-exposed`
 */
export async function resolveFolders(directory: string, out: string, keys: string): Promise<Folders> {
  const real = { directory: await existingFolder(directory), out: await realPath(out), keys: await realPath(keys) };
  if (real.out === real.directory)
    throw new PublisherError('bad-output', `The output folder ${out} is the folder to publish; choose another for --out.`);
  if (isInside(real.out, real.directory)) {
    throw new PublisherError(
      'bad-output',
      `The output folder ${out} is inside ${directory}, so it would publish itself; choose a folder beside it.`,
    );
  }
  if (isInside(real.directory, real.out)) {
    throw new PublisherError(
      'bad-output',
      `${directory} is inside the output folder ${out}, so it would be deployed unsigned; choose a folder beside it.`,
    );
  }
  for (const [folder, name] of [[real.directory, directory] as const, [real.out, out] as const]) {
    if (folder === real.keys || isInside(real.keys, folder) || isInside(folder, real.keys)) {
      throw new PublisherError(
        'key-exposed',
        `The private keys in ${keys} are in one place with ${name}, which is published; move one of them away.`,
      );
    }
  }
  await checkOutput(real.out, out);
  await checkLinks(real.out, out);
  return real;
}

/**
 * Whether a path is somewhere inside a folder. Both must be absolute and real.
 *
 * @param path file or folder
 * @param folder the folder that may hold it
 */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Makes a folder and those above it.
 *
 * @param folder absolute path
 * @throws `bad-output` when a file is in the way or it may not be made
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new PublisherError('bad-output', `The folder ${folder} cannot be made: ${reason(error)}.`, error);
  }
}

/** The words in a system error, without Node's path and call. */
function reason(error: unknown): string {
  if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOTDIR')) return 'a file of that name is in the way';
  if (isSystemError(error, 'EACCES') || isSystemError(error, 'EPERM')) return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}

async function existingFolder(directory: string): Promise<string> {
  try {
    const path = await realpath(directory);
    if (!(await stat(path)).isDirectory()) throw new PublisherError('bad-input', `${directory} is not a folder.`);
    return path;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) {
      throw new PublisherError('bad-input', `There is no folder ${directory}; build the app first.`, error);
    }
    throw error;
  }
}

/** The real path of something that need not exist: links are resolved as far as it does. */
async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await realPath(parent), basename(absolute));
  }
}

/** What was checked of the output holds for where our folders in it really are, and for what a host that follows links would serve there. */
async function checkLinks(folder: string, name: string): Promise<void> {
  for (const part of [REPOSITORY_FOLDER, METADATA_FOLDER, TARGETS_FOLDER]) {
    const path = join(folder, ...part.split('/'));
    const real = await realPath(path);
    if (!isInside(real, folder)) {
      throw new PublisherError(
        'bad-output',
        `${part} in the output folder ${name} is a link that leads out of it, to ${real}; replace it by a folder.`,
      );
    }
  }
}

/**
 * What is in the output folder gets deployed. So the first publish into a folder with other things in it is refused: an app's files left
 * there would be served unsigned, next to the signed ones. Files added later (a host's `CNAME` or `_headers`) are left alone.
 */
async function checkOutput(folder: string, name: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    if (isSystemError(error, 'ENOTDIR')) throw new PublisherError('bad-output', `The output ${name} is not a folder.`, error);
    throw error;
  }
  if (entries.length > 0 && !entries.includes('vouchsafe')) {
    throw new PublisherError(
      'bad-output',
      `The output folder ${name} holds other files, which would be deployed unsigned; choose an empty or new folder.`,
    );
  }
}

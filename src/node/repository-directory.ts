import { createReadStream, readFileSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TargetFile } from '../tuf/file.js';
import { targetLocation } from '../tuf/layout.js';
import type { MetadataStore } from '../tuf/updater.js';
import { isSystemError } from './publisher-error.js';

/** Bytes up to which a file is read at once. */
const SMALL = 2 ** 20;

/** Where a client of the directory believes it is: a name that no resolver knows, so that nothing can leave this process. */
const ORIGIN = 'https://repository.invalid/';
/** URL of the metadata folder, for an `Updater`. */
export const METADATA_URL = `${ORIGIN}metadata/`;
/** URL of the targets folder, for an `Updater`. */
export const TARGETS_URL = `${ORIGIN}targets/`;

/**
 * Answers a client's requests from a repository directory, as a static host would once these files are in place too.
 *
 * @param folder absolute path of the folder that holds `metadata/` and `targets/`
 * @param pending files that are not written yet, by path under the folder
 * @returns a fetch function for an `Updater`
 */
export function directoryFetch(
  folder: string,
  pending: ReadonlyMap<string, Uint8Array> = new Map(),
): (url: string) => Promise<Response> {
  return async (url) => {
    const path = decodeURIComponent(new URL(url).pathname.slice(1));
    const bytes = pending.get(path);
    if (bytes !== undefined) return new Response(Buffer.from(bytes));
    const file = join(folder, path);
    try {
      const found = statSync(file);
      if (!found.isFile()) return new Response(null, { status: 404 });
      // Of an app's thousands of small files each stream would cost more than what is in it.
      if (found.size <= SMALL) return new Response(readFileSync(file));
    } catch (error) {
      if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return new Response(null, { status: 404 });
      throw error;
    }
    return new Response(Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>);
  };
}

/**
 * Where a target's file lies under the targets folder. The client's own rule decides, which also refuses paths that it would not ask for.
 *
 * @param target the target
 * @returns a relative path, with `/`
 * @throws `malformed` as `targetLocation`
 */
export function targetFile(target: TargetFile): string {
  return targetLocation(target, true).split('/').map(decodeURIComponent).join('/');
}

/** What a client has stored, in memory: of a fresh client nothing, of one at the previous release that release. */
export class MemoryStore implements MetadataStore {
  readonly #roots = new Map<number, Uint8Array>();
  readonly #roles = new Map<string, Uint8Array>();

  /**
   * @param roots root metadata by version
   * @param roles other metadata by role name
   */
  constructor(roots: ReadonlyMap<number, Uint8Array> = new Map(), roles: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#roots = new Map(roots);
    this.#roles = new Map(roles);
  }

  async loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.#roots.get(version);
  }

  async saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    this.#roots.set(version, bytes);
    for (const role of discard) this.#roles.delete(role);
  }

  async loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.#roles.get(role);
  }

  async saveRole(role: string, bytes: Uint8Array): Promise<void> {
    this.#roles.set(role, bytes);
  }
}

/**
 * Reads a file that may not be there.
 *
 * @param path absolute
 * @returns its bytes, or undefined
 */
export async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * Reads the root metadata files of a folder, from version 1 without a gap.
 *
 * @param folder absolute path
 * @returns bytes by version, in order; empty when there is no first one
 */
export async function readRoots(folder: string): Promise<Map<number, Uint8Array>> {
  const roots = new Map<number, Uint8Array>();
  for (let version = 1; ; version++) {
    const bytes = await readIfPresent(join(folder, `${version}.root.json`));
    if (bytes === undefined) return roots;
    roots.set(version, bytes);
  }
}

/**
 * The names in a folder.
 *
 * @param folder absolute path
 * @returns names in order; empty when there is no such folder
 */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

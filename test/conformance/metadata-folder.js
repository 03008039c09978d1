import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { metadataName } from '../../dist/tuf/layout.js';

/** @import { MetadataStore } from '../../dist/tuf/updater.js' */

/**
 * Trusted metadata in a folder, byte for byte as received, under the names without versions that the conformance suite looks for.
 * `root.json` is the latest trusted root: each run starts from it, so the chain before it is not kept.
 *
 * @implements {MetadataStore}
 */
export class MetadataFolder {
  /** @param {string} folder where the metadata is; it exists */
  constructor(folder) {
    this.folder = folder;
  }

  /** @returns {Promise<Uint8Array | undefined>} the latest trusted root, or undefined before `init` */
  latestRoot() {
    return readIfThere(this.#path('root'));
  }

  /** @returns {Promise<undefined>} no later root than `root.json` is ever here */
  async loadRoot() {}

  /**
   * @param {number} _version
   * @param {Uint8Array} bytes
   * @param {readonly string[]} discard
   */
  async saveRoot(_version, bytes, discard) {
    // The root last: when a run ends in between, the next one comes to the same root and discards again.
    for (const role of discard) await rm(this.#path(role), { force: true });
    await writeWhole(this.#path('root'), bytes);
  }

  /** @param {string} role */
  loadRole(role) {
    return readIfThere(this.#path(role));
  }

  /**
   * @param {string} role
   * @param {Uint8Array} bytes
   */
  saveRole(role, bytes) {
    return writeWhole(this.#path(role), bytes);
  }

  /** @param {string} role */
  #path(role) {
    return join(this.folder, metadataName(role));
  }
}

/**
 * @param {string} path
 * @returns {Promise<Uint8Array | undefined>} a file's content, or undefined when there is no such file
 */
export async function readIfThere(path) {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file so that a reader sees the old one or the new one, never a part.
 *
 * @param {string} path
 * @param {Uint8Array} bytes
 */
export async function writeWhole(path, bytes) {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetadataStore } from '../../src/tuf/updater.js';

/** A `MetadataStore` in a folder that writes as tuf-js does: synchronously, one file a role, no temporary file. */
export class FileStore implements MetadataStore {
  readonly #folder: string;

  /** @param folder where to; it must exist */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.#read(`${version}.root`);
  }

  async saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    for (const role of discard) rmSync(this.#path(role), { force: true });
    writeFileSync(this.#path(`${version}.root`), bytes);
  }

  async loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.#read(role);
  }

  async saveRole(role: string, bytes: Uint8Array): Promise<void> {
    writeFileSync(this.#path(role), bytes);
  }

  #read(name: string): Uint8Array | undefined {
    const path = this.#path(name);
    return existsSync(path) ? readFileSync(path) : undefined;
  }

  #path(name: string): string {
    return join(this.#folder, `${encodeURIComponent(name)}.json`);
  }
}

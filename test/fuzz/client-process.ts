import type { MetadataStore } from '../../src/tuf/updater.js';

/** A client's process: its store, which works until the process is killed. After that nothing ever answers. */
export class Process implements MetadataStore {
  readonly killed: Promise<undefined>;
  readonly #store: MetadataStore;
  readonly #end: { readonly at: string; readonly count: number } | undefined;
  readonly #counts = { write: 0, request: 0 };
  #isAlive = true;
  #resolve: () => void = () => {};

  constructor(store: MetadataStore, end?: { readonly at: string; readonly count: number }) {
    this.#store = store;
    this.#end = end;
    this.killed = new Promise((resolve) => {
      this.#resolve = () => resolve(undefined);
    });
  }

  kill(): void {
    this.#isAlive = false;
    this.#resolve();
  }

  request<T>(answer: () => Promise<T>): Promise<T> {
    if (this.#end?.at === 'request' && this.#counts.request++ === this.#end.count) this.kill();
    return this.#ifAlive(answer);
  }

  loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.#ifAlive(() => this.#store.loadRoot(version));
  }

  loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.#ifAlive(() => this.#store.loadRole(role));
  }

  saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    return this.#write(() => this.#store.saveRoot(version, bytes, discard));
  }

  saveRole(role: string, bytes: Uint8Array): Promise<void> {
    return this.#write(() => this.#store.saveRole(role, bytes));
  }

  async #write(write: () => Promise<void>): Promise<void> {
    const isLast = this.#end?.at.endsWith('write') && this.#counts.write++ === this.#end.count;
    if (isLast && this.#end?.at === 'before write') this.kill();
    await this.#ifAlive(write);
    if (isLast) this.kill();
    return this.#ifAlive(async () => {});
  }

  #ifAlive<T>(does: () => Promise<T>): Promise<T> {
    return this.#isAlive ? does() : new Promise(() => {});
  }
}

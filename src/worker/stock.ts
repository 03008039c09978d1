import type { Progress } from '../messages/messages.js';
import type { Store } from '../store/store.js';
import { isMissing } from '../tuf/mirrors.js';
import type { ChunkedFiles } from './chunked-files.js';
import { Pace } from './pace.js';
import { downloadPacks, type PackPorts } from './pack-download.js';
import { asVouchsafeError } from './refusal.js';
import type { Release } from './release.js';
import type { Releases } from './releases.js';
import type { ScriptCopies } from './script-copies.js';
import { PASSES, type Pass, stageFiles } from './stage-files.js';
import type { VerifiedFiles } from './verified-files.js';

/** Chromium counts what was deleted from the database for some seconds more. Milliseconds. */
const ROOM_WITHIN = 8_000;

/** What the files of releases are stored with. */
export interface StockParts {
  readonly releases: Releases;
  readonly files: VerifiedFiles;
  readonly chunks: ChunkedFiles;
  readonly scripts: Pick<ScriptCopies, 'download'>;
  readonly store: Store;
  /** The servers that have a release's packs. */
  readonly packServers: (release: Release) => PackPorts['servers'];
}

/** Stores the files that releases need, makes room for them, and knows when it is time to try again what did not come. */
export class Stock {
  readonly #parts: StockParts;
  readonly #onMissing: (error: unknown) => void;
  readonly #paces: { readonly [Each in Pass]: Pace } = { required: new Pace(), optional: new Pace() };
  /** Whether there was no room for something in this life of the worker: then what no release needs is left alone. */
  #isFull = false;

  /**
   * @param parts what files are stored with
   * @param onMissing told of optional files, and of packs, that did not come
   */
  constructor(parts: StockParts, onMissing: (error: unknown) => void) {
    this.#parts = parts;
    this.#onMissing = onMissing;
  }

  /**
   * Which files it is time to look for again, when nobody asks.
   *
   * @param interval seconds from one time to the next when nothing fails
   */
  due(interval: number): Pass[] {
    return PASSES.filter((pass) => this.#paces[pass].isDue(interval));
  }

  /**
   * Stores what a new release needs before it can run, and what is optional as far as it comes.
   *
   * @param release which
   * @param at when the update began, in milliseconds since 1970
   * @param room settles when what nobody needs is gone: nothing that is required is stored before
   * @param onProgress told how far it is
   * @throws as `stageFiles` does
   */
  async stage(release: Release, at: number, room: Promise<unknown>, onProgress: (progress: Progress) => void): Promise<void> {
    const { releases, store } = this.#parts;
    // Without a database nothing is kept, and all of it would come for nothing before the first page: files are verified when they are used. Where one
    // runs already the database may be back in a moment, and the next one should be whole.
    if (releases.active || store.kept === 'indexeddb') await this.#save(release, PASSES, at, room, onProgress);
  }

  /**
   * Stores again what is lost of the active release: a browser that evicts, or a script of the page, may have taken files without which the app does
   * not start offline.
   *
   * @param release the active one
   * @param passes which of its files
   * @param at when the update began, in milliseconds since 1970
   * @throws as `stageFiles` does
   */
  async replaceLost(release: Release, passes: readonly Pass[], at: number): Promise<void> {
    if (this.#parts.store.kept === 'memory') return;
    // What was given away for want of room would come, and go, each time.
    const wanted = passes.filter((pass) => pass === 'required' || !this.#isFull);
    await this.#save(release, wanted, at, Promise.resolve(), () => {});
  }

  async #save(
    release: Release,
    passes: readonly Pass[],
    at: number,
    room: Promise<unknown>,
    onProgress: (progress: Progress) => void,
  ): Promise<void> {
    const { files, chunks, scripts, store, packServers } = this.#parts;
    let isLacking = false;
    const save = {
      files: (pack: ReadonlyMap<string, Uint8Array>) => store.saveFiles(pack),
      chunks: (pack: ReadonlyMap<string, Uint8Array>) => store.saveChunks(pack),
    };
    const staging = {
      storedHashes: () => store.storedHashes(),
      downloadCopy: (file) => scripts.download(release, file),
      download: (file) => files.download(release, file),
      downloadPieces: (file, pieces) => chunks.download(release, file, pieces),
      downloadPacks: (packs, missing) =>
        downloadPacks(packs, missing, {
          servers: packServers(release),
          // That one is not there is no attack: a publisher deletes those of earlier releases.
          onFailure: (error) => void (isMissing(error) || this.#onMissing(error)),
        }),
      save: async (pack, what) => {
        await room;
        await this.makingRoom(() => save[what](pack));
      },
      saveOptional: (pack, what) => save[what](pack),
      onMissing: (error) => {
        isLacking = true;
        if (asVouchsafeError(error).code === 'quota') this.#isFull = true;
        this.#onMissing(error);
      },
      onProgress,
    } satisfies Parameters<typeof stageFiles>[1];
    const { required, optional } = this.#paces;
    try {
      await stageFiles(release, staging, passes);
    } catch (error) {
      required.failed(at);
      throw error;
    }
    if (passes.includes('required')) required.succeeded(at);
    if (passes.includes('optional')) optional[isLacking ? 'failed' : 'succeeded'](at);
  }

  /**
   * Does what stores something; without room again, when the files are gone that no release needs in order to run.
   *
   * @param work what stores something
   * @param within milliseconds to wait before it is tried again
   * @throws `quota` when no room can be made, and what `work` throws
   */
  async makingRoom<T>(work: () => Promise<T>, within = ROOM_WITHIN): Promise<T> {
    const { releases } = this.#parts;
    let isMaking = false;
    for (let left = 2; ; left--) {
      try {
        return await work();
      } catch (error) {
        if (asVouchsafeError(error).code !== 'quota') throw error;
        this.#isFull = true;
        // Those that share a record with others go only when there is room again to write the others anew.
        if (!left) throw error;
        // A browser with much to do may take longer than that to count what went the first time.
        await releases.collect(true);
        // Whatever they went for: for this, for something else that found no room, or because their release had gone.
        isMaking ||= performance.now() - releases.forgotAt < ROOM_WITHIN;
        if (!isMaking) throw error;
        await new Promise((resolve) => setTimeout(resolve, within));
      }
    }
  }
}

import type { Freshness, Progress, ReleaseSummary, UpdateResult } from '../messages/messages.js';
import type { Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { Refresher } from '../tuf/refresher.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import type { ChunkedFiles } from './chunked-files.js';
import { asVouchsafeError, toRefusal } from './refusal.js';
import { firstToExpire, type Release, releaseId, releaseOf } from './release.js';
import type { Releases } from './releases.js';
import type { ScriptCopies } from './script-copies.js';
import { stageFiles } from './stage-files.js';
import type { VerifiedFiles } from './verified-files.js';
import type { Announce, ViolationLog } from './violation-log.js';

/** How long (milliseconds) a navigation waits for newer metadata while the release may still run without. */
const REFRESH_WITHIN = 5_000;
/** Chromium counts what was deleted from the database for some seconds more. Milliseconds. */
const ROOM_WITHIN = 8_000;
/** How long (milliseconds) a page is left to load before the worker looks for a newer release. */
const LOOK_AFTER = 1_000;
/** How far (milliseconds) a clock may be behind the signers' before it is worth a word. */
const CLOCK_TOLERANCE = 5 * 60_000;

/** Keeps a worker's life going while something is under way. */
export type Extend = (work: Promise<unknown>) => void;

/** What an update works with. */
export interface UpdateParts {
  readonly releases: Releases;
  readonly files: VerifiedFiles;
  readonly chunks: ChunkedFiles;
  readonly scripts: Pick<ScriptCopies, 'download'>;
  readonly store: Store;
  readonly violations: ViolationLog;
  readonly announce: Announce;
  readonly refresher: () => Refresher;
  /** Called when the signers say that the worker is to go. */
  readonly standDown: () => Promise<void>;
  /** Sends what was not reported yet. Never rejects. */
  readonly report: () => Promise<void>;
}

/** Looks for newer releases, stages and activates them, and knows how current the active one is. */
export class Updates {
  readonly #parts: UpdateParts;
  #updating: Promise<UpdateResult> | undefined;
  /** Settles with the update under way, but not later than `REFRESH_WITHIN` after it began: a page and its frames wait once. */
  #patience: Promise<unknown> | undefined;
  #activating: Promise<ReleaseSummary | undefined> | undefined;
  /** Why the last update failed, if it did. */
  #failure: VouchsafeError | undefined;
  /** When the last update that did not fail began. */
  #lookedAt = 0;
  /** The newest metadata that was trusted in this life of the worker. */
  #newest: TrustedMetadata | undefined;
  #announcedFreshness: Freshness | undefined;
  /** The latest moment that the device's clock has shown. */
  #clock = 0;

  constructor(parts: UpdateParts) {
    this.#parts = parts;
  }

  /** Why the last update failed, if it did. */
  get failure(): VouchsafeError | undefined {
    return this.#failure;
  }
  get newest(): TrustedMetadata | undefined {
    return this.#newest;
  }

  /** Looks for a newer release and stages it, or activates it when there was none. One at a time; never rejects. */
  update(): Promise<UpdateResult> {
    if (!this.#updating) {
      this.#updating = this.#update().finally(() => {
        this.#updating = undefined;
      });
      this.#patience = Promise.race([this.#updating, after(REFRESH_WITHIN)]);
    }
    return this.#updating;
  }

  /** The same for someone who asks: an update that is under way may have looked before what they know of was published. */
  async updateFromNow(): Promise<UpdateResult> {
    await this.#updating;
    return this.update();
  }

  /** The same, unless the last look was just now. */
  async look(): Promise<void> {
    const { active } = this.#parts.releases;
    const isRecent = active && this.freshness() === 'fresh' && Date.now() - this.#lookedAt < active.manifest.lookSeconds * 1000;
    if (!isRecent) await this.update();
  }

  /** The same once a page that is about to open had time for it: both would take turns on the worker's one thread. */
  async lookSoon(): Promise<void> {
    await after(LOOK_AFTER);
    await this.look();
  }

  /** Waits for an update; not for long when the release may run without, as offline. */
  async refresh(extend: Extend): Promise<void> {
    const updated = this.update();
    extend(updated);
    await (this.freshness() === 'stale' ? this.#patience : updated);
  }

  /**
   * Makes the staged release, if any, the active one for a page that is about to open, if it may be.
   *
   * Under `prompt` that is only once the active one has expired: an app that never asks, or a script on its page, must not keep an old
   * release running for longer than the signers meant it to.
   */
  async activateForNavigation(): Promise<void> {
    if (this.#parts.releases.activation !== 'prompt' || this.freshness() !== 'fresh') await this.activate();
  }

  /** Makes the staged release, if any, the active one. One at a time; never rejects. */
  activate(): Promise<ReleaseSummary | undefined> {
    this.#activating ??= this.#activate()
      .catch(async (error) => {
        await this.#parts.violations.record(error, 'storage');
        return undefined;
      })
      .finally(() => {
        this.#activating = undefined;
      });
    return this.#activating;
  }

  /** How current the active release is at this moment. */
  freshness(): Freshness {
    const { active } = this.#parts.releases;
    if (!active) return 'empty';
    const { expires } = firstToExpire(active);
    const now = this.now();
    if (now < expires) return 'fresh';
    const isUsedUp = now >= expires + active.manifest.offlineSeconds * 1000;
    return isUsedUp || this.#failure?.code === 'expired' ? 'frozen' : 'stale';
  }

  /** Milliseconds since 1970: by the device's clock, but not before the active release was signed. */
  now(): number {
    return Math.max(Date.now(), this.#parts.releases.active?.signedAt ?? 0);
  }

  /** The refusal of pages while the active release is frozen. */
  frozen(active: Release): VouchsafeError {
    const { role, version, expires } = firstToExpire(active);
    const message = `The ${role} signatures of this site have expired, and no newer ones came.`;
    return new VouchsafeError('expired', message, {
      role,
      version,
      expected: `unexpired at ${new Date(this.now()).toISOString()}`,
      actual: `expired ${new Date(expires).toISOString()}`,
    });
  }

  /** Tells every page when the active release has become fresh, stale or frozen. Never rejects. */
  async announceFreshness(): Promise<void> {
    const freshness = this.freshness();
    if (freshness === this.#announcedFreshness) return;
    this.#announcedFreshness = freshness;
    await this.#parts.announce({ vouchsafe: 'state', freshness });
  }

  async #update(): Promise<UpdateResult> {
    const { releases, violations, refresher } = this.#parts;
    const began = Date.now();
    try {
      await releases.open();
      await this.#checkClock();
      // Metadata is small, and without it the app freezes.
      const metadata = await this.#makingRoom(() => refresher().refresh());
      this.#newest = metadata;
      const result = await this.#take(metadata);
      this.#failure = undefined;
      this.#lookedAt = began;
      return result;
    } catch (error) {
      this.#failure = asVouchsafeError(error);
      // Also when nothing that the new keys signed is there yet.
      await releases.checkAgain().catch((again) => violations.record(again, 'storage'));
      await this.#record(error);
      return { outcome: 'failed', refusal: toRefusal(this.#failure), freshness: this.freshness() };
    } finally {
      releases.arriving = undefined;
      await this.announceFreshness();
      // Nobody waits for the operators' endpoint. What it does not get now it gets the next time.
      void this.#parts.report();
    }
  }

  /** To be offline is no violation. An answer that is not the repository's is one. */
  async #record(error: unknown): Promise<void> {
    const { code, facts } = asVouchsafeError(error);
    if (code !== 'unreachable' || facts.status !== undefined) await this.#parts.violations.record(error, 'update');
  }

  /** A clock that is behind what the signers have signed, or behind itself, is reported once each time. */
  async #checkClock(): Promise<void> {
    const now = Date.now();
    const known = Math.max(this.#clock, this.#parts.releases.active?.signedAt ?? 0);
    if (now < known - CLOCK_TOLERANCE) {
      await this.#parts.violations.record(
        new VouchsafeError('clock', 'The clock of this device has gone back, or is wrong.', {
          expected: `${new Date(known).toISOString()} or later`,
          actual: new Date(now).toISOString(),
        }),
        'watch',
      );
    }
    this.#clock = now;
  }

  async #take(metadata: TrustedMetadata): Promise<UpdateResult> {
    const { releases, files, announce } = this.#parts;
    const id = await releaseId(metadata);
    // Which release is staged and which active is only clear when none is on its way from one to the other.
    await this.#activating;
    const renewed = await this.#makingRoom(() => releases.renew(id, metadata));
    if (renewed === 'active') {
      await this.#replaceLost();
      return { outcome: 'current' };
    }
    if (renewed === 'staged' && releases.staged) return { outcome: 'staged', release: summaryOf(releases.staged) };
    const { consistentSnapshot } = metadata.root;
    const release = await releaseOf(metadata, metadata.root, (file) => files.read({ consistentSnapshot }, file));
    if (!release.manifest.tombstone) await this.#stageFiles(release);
    await this.#makingRoom(() => releases.stage(release));
    const { active, activation } = releases;
    if (!active || release.manifest.tombstone || activation === 'immediate') {
      await this.#activate();
      return { outcome: 'activated', release: summaryOf(release) };
    }
    await announce({ vouchsafe: 'staged', release: summaryOf(release) });
    return { outcome: 'staged', release: summaryOf(release) };
  }

  /** A browser that evicts, or a script of the page, may have taken files without which the app does not start offline. */
  async #replaceLost(): Promise<void> {
    const { releases, store } = this.#parts;
    // Without a database nothing is kept, and everything would come again each time.
    if (!releases.active || store.kept === 'memory') return;
    await this.#storeFiles(releases.active, () => {}).catch((error) => this.#record(error));
  }

  async #stageFiles(release: Release): Promise<void> {
    const { releases, announce } = this.#parts;
    releases.arriving = release;
    await releases.collect();
    await this.#storeFiles(release, (progress) => void announce({ vouchsafe: 'progress', progress }));
  }

  async #storeFiles(release: Release, onProgress: (progress: Progress) => void): Promise<void> {
    const { files, chunks, scripts, store } = this.#parts;
    await stageFiles(release, {
      storedHashes: () => store.storedHashes(),
      downloadCopy: (file) => scripts.download(release, file),
      download: (file) => files.download(release, file),
      downloadPieces: (file, pieces) => chunks.download(release, file, pieces),
      save: (pack) => this.#makingRoom(() => store.saveFiles(pack)),
      onMissing: (error) => void this.#record(error),
      onProgress,
    });
  }

  /**
   * Does what stores something; without room again, when the files are gone that no release needs in order to run.
   *
   * @param work what stores something
   * @param within milliseconds to wait before it is tried again
   */
  async #makingRoom<T>(work: () => Promise<T>, within = ROOM_WITHIN): Promise<T> {
    for (let left = 2; ; left--) {
      try {
        return await work();
      } catch (error) {
        // Those that share a record with others go only when there is room again to write the others anew.
        if (asVouchsafeError(error).code !== 'quota' || !left || !(await this.#parts.releases.collect(true))) throw error;
        await after(within);
      }
    }
  }

  async #activate(): Promise<ReleaseSummary | undefined> {
    const { releases, announce, standDown } = this.#parts;
    await releases.open();
    const release = await this.#makingRoom(() => releases.activate(), 0);
    if (!release) return undefined;
    if (release.manifest.tombstone) await standDown();
    else await releases.collect();
    await announce({ vouchsafe: 'activated', release: summaryOf(release) });
    await this.announceFreshness();
    return summaryOf(release);
  }
}

/** @returns what a page is told of a release */
export function summaryOf({ id, files, bytes }: ReleaseSummary): ReleaseSummary {
  return { id, files, bytes };
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

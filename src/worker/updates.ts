import type { Freshness, ReleaseSummary, UpdateResult } from '../messages/messages.js';
import type { Activation } from '../release/manifest.js';
import type { Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { Refresher } from '../tuf/refresher.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import type { ChunkedFiles } from './chunked-files.js';
import { ClockWatch } from './clock-watch.js';
import { freshnessOf, frozenRefusal } from './freshness.js';
import { Pace } from './pace.js';
import type { PackPorts } from './pack-download.js';
import { asVouchsafeError, toRefusal } from './refusal.js';
import { chunksOf, indexed, type Release, releaseId, releaseOf } from './release.js';
import type { Releases } from './releases.js';
import type { ScriptCopies } from './script-copies.js';
import { PASSES, type Pass } from './stage-files.js';
import { Stock } from './stock.js';
import { documentsOf, TargetFiles } from './target-files.js';
import type { VerifiedFiles } from './verified-files.js';
import type { Announce, ViolationLog } from './violation-log.js';

/** How long (milliseconds) a navigation waits for newer metadata while the release may still run without. */
const REFRESH_WITHIN = 5_000;
/** How long (milliseconds) a page is left to load before the worker looks for a newer release. */
const LOOK_AFTER = 1_000;
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
  /** The servers that have a release's packs. */
  readonly packServers: (release: Release) => PackPorts['servers'];
  /** Called when the signers say that the worker is to go. */
  readonly standDown: () => Promise<void>;
  /** Whether the device knows that it has no network. */
  readonly isOffline: () => boolean;
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
  /** What the last activation left behind is being forgotten. Never rejects. */
  #collecting: Promise<unknown> = Promise.resolve();
  /** Why the last update failed, if it did. */
  #failure: VouchsafeError | undefined;
  /** Milliseconds since 1970: when the last update began. */
  #began = 0;
  readonly #looks = new Pace();
  readonly #stock: Stock;
  /** The newest metadata that was trusted in this life of the worker. */
  #newest: TrustedMetadata | undefined;
  #announcedFreshness: Freshness | undefined;
  /** The look that a page which opens has asked for, once it has loaded. */
  #soon: Promise<void> | undefined;
  /** Whether this life has made an index that was lost: one that is refused would be made at each look. */
  #hasMadeIndex = false;
  /** Whether something has come that this life of the worker may have begun for. */
  #isAwake = false;
  readonly #clock: ClockWatch;

  constructor(parts: UpdateParts) {
    this.#parts = parts;
    this.#clock = new ClockWatch(parts);
    this.#stock = new Stock(parts, (error) => void this.#record(error));
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
    return this.#begin(PASSES);
  }

  #begin(lost: readonly Pass[]): Promise<UpdateResult> {
    if (!this.#updating) {
      this.#updating = this.#update(lost).finally(() => {
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

  /**
   * The same, unless the last look was just now, or failed a short time ago. While what runs is not fresh it is looked each time: it should run
   * on as soon as it may.
   */
  async look(): Promise<void> {
    const { active } = this.#parts.releases;
    if (!active || this.freshness() !== 'fresh') await this.update();
    else if (this.#looks.isDue(active.manifest.lookSeconds)) await this.#begin(this.#stock.due(active.manifest.lookSeconds));
    else return;
    await this.#parts.report();
  }

  /** The same once a page that is about to open had time for it: both would take turns on the worker's one thread. */
  lookSoon(): Promise<void> {
    this.#soon ??= after(LOOK_AFTER)
      .then(() => this.look())
      .finally(() => {
        this.#soon = undefined;
      });
    return this.#soon;
  }

  /**
   * The same when the worker has started for a request, once, unless a page that opens looks: a tab may stay open for weeks, and no page need say
   * when to look. Such a tab may start one life after the other, so the look of an earlier life counts here. Not at navigations: a script of the page can write any time down, and could put off those, too.
   */
  lookAtStart(extend: Extend): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    extend(this.#lookAtStart());
  }

  async #lookAtStart(): Promise<void> {
    await after(LOOK_AFTER);
    await this.#parts.releases.open();
    if (!this.#soon && !this.#clock.hasLooked && !this.#isRecent(this.#parts.store.looked)) await this.look();
  }

  /** Whether a time is less than the signed throttle ago. One to come is not: the clock was wrong then, or a script of the page wrote it down. */
  #isRecent(time: number): boolean {
    const ago = Date.now() - time;
    return ago >= 0 && ago < (this.#parts.releases.active?.manifest.lookSeconds ?? 0) * 1000;
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
   *
   * What is then to be forgotten the page does not wait for: to know what that is may take a download, of targets metadata that was lost.
   */
  async activateForNavigation(extend: Extend): Promise<void> {
    if (this.#parts.releases.activation === 'prompt' && this.freshness() === 'fresh') return;
    await this.#activateOnce();
    extend(this.#collecting);
  }

  /** Makes the staged release, if any, the active one, and forgets what is of no use then. One at a time; never rejects. */
  async activate(): Promise<ReleaseSummary | undefined> {
    const activated = await this.#activateOnce();
    await this.#collecting;
    return activated;
  }

  #activateOnce(): Promise<ReleaseSummary | undefined> {
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

  /** What the app wants about activation from now on; undefined: what the manifest says. What is staged already is no exception. @throws `storage` */
  async setActivation(activation: Activation | undefined): Promise<void> {
    const { releases } = this.#parts;
    await releases.setActivation(activation);
    if (releases.activation === 'immediate') await this.activate();
  }

  /** How current the active release is at this moment. */
  freshness(): Freshness {
    return freshnessOf(this.#parts.releases.active, this.now(), this.#failure);
  }

  /** Milliseconds since 1970: by the device's clock, but not before the active release was signed. */
  now(): number {
    return Math.max(Date.now(), this.#parts.releases.active?.signedAt ?? 0);
  }

  /** The refusal of pages while the active release is frozen. */
  frozen(active: Release): VouchsafeError {
    return frozenRefusal(active, this.now(), this.#failure);
  }

  /** Tells every page when the active release has become fresh, stale or frozen. Never rejects. */
  async announceFreshness(): Promise<void> {
    const freshness = this.freshness();
    if (freshness === this.#announcedFreshness) return;
    this.#announcedFreshness = freshness;
    await this.#parts.announce({ vouchsafe: 'state', freshness });
  }

  async #update(lost: readonly Pass[]): Promise<UpdateResult> {
    const { releases, violations, refresher } = this.#parts;
    const began = Date.now();
    this.#began = began;
    try {
      await releases.open();
      await this.#clock.look();
      // Metadata is small, and without it the app freezes.
      const metadata = await this.#stock
        .makingRoom(() => refresher().refresh())
        // Not before: what the look reads would wait for it.
        .finally(() => void this.#parts.store.saveLooked(began));
      this.#newest = metadata;
      const result = await this.#take(metadata, lost);
      this.#failure = undefined;
      this.#looks.succeeded(began);
      return result;
    } catch (error) {
      this.#failure = asVouchsafeError(error);
      // A device without a network burdens nobody, and should look soon after it has one.
      if (this.#parts.isOffline()) this.#looks.began(began);
      else this.#looks.failed(began);
      // Also when nothing that the new keys signed is there yet.
      await releases.checkAgain().catch((again) => violations.record(again, 'storage'));
      await this.#record(error);
      if (this.#failure.code === 'expired') await this.#clock.lookAhead();
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

  async #take(metadata: TrustedMetadata, lost: readonly Pass[]): Promise<UpdateResult> {
    const { releases, files, announce } = this.#parts;
    const id = await releaseId(metadata);
    // Which release is staged and which active is only clear when none is on its way from one to the other.
    await this.#activating;
    const renewed = await this.#stock.makingRoom(() => releases.renew(id, metadata));
    if (renewed === 'active') {
      await this.#replaceLost(lost);
      await this.#replaceDocuments(metadata).catch((error) => this.#record(error));
      // Of a person with one tab, the retired release has lost its last page just now.
      await releases.collectIfDue().catch((error) => this.#record(error));
      return { outcome: 'current' };
    }
    if (renewed === 'staged' && releases.staged) return this.#staged(releases.staged);
    const { root: newest, targets: listing } = metadata;
    if (!listing) throw new VouchsafeError('not-found', 'A release needs all four top-level roles.');
    const { consistentSnapshot } = newest;
    const arrived = await releaseOf({ metadata, newest, listing }, TargetFiles.of(listing.files), (file) =>
      files.read({ consistentSnapshot }, file),
    );
    for (const path of arrived.manifest.chunks.keys()) {
      const file = listing.files.get(path);
      if (file) chunksOf(arrived.manifest, file);
    }
    if (!arrived.manifest.tombstone) await this.#stageFiles(arrived);
    const { documents, index } = await documentsOf(listing, metadata);
    const release = index ? indexed(arrived, index) : arrived;
    await this.#stock.makingRoom(() => releases.stage(release, documents));
    if (!releases.active || release.manifest.tombstone) return this.#activated(release);
    if (releases.activation !== 'immediate') await announce({ vouchsafe: 'staged', release: summaryOf(release) });
    return this.#staged(release);
  }

  /** What comes of a complete release: it may have been staged before the app, or another release of it, said `immediate`. */
  async #staged(release: Release): Promise<UpdateResult> {
    if (this.#parts.releases.activation === 'immediate') return this.#activated(release);
    return { outcome: 'staged', release: summaryOf(release) };
  }

  async #activated(release: Release): Promise<UpdateResult> {
    await this.#activate();
    await this.#collecting;
    return { outcome: 'activated', release: summaryOf(release) };
  }

  async #replaceLost(passes: readonly Pass[]): Promise<void> {
    const { active } = this.#parts.releases;
    if (active) await this.#stock.replaceLost(active, passes, this.#began).catch((error) => this.#record(error));
  }

  /**
   * What the next life of the worker opens the active release with: it may not have been stored, or somebody may have deleted it since.
   */
  async #replaceDocuments(metadata: TrustedMetadata): Promise<void> {
    const { releases, store } = this.#parts;
    const { active } = releases;
    const { targets } = metadata;
    if (!active || !targets || store.kept === 'memory') return;
    const isIndexed =
      active.record.index !== undefined || metadata.listed('targets').indexSignatures === undefined || this.#hasMadeIndex;
    if (isIndexed && (await store.hasDocument(active.key, 'targets'))) return;
    this.#hasMadeIndex = true;
    const { documents, index } = await documentsOf(targets, metadata);
    await this.#stock.makingRoom(() => store.saveDocuments(active.key, documents));
    if (index) await releases.addIndex(active.id, index);
  }

  async #stageFiles(release: Release): Promise<void> {
    const { releases, announce } = this.#parts;
    releases.arriving = release;
    // What a page's opening has begun to forget since may be what this release has.
    await this.#collecting;
    // While the first files come. It forgets none of this release, and nothing is stored before it has made room.
    const collected = releases.collectIfDue();
    collected.catch(() => {});
    await this.#stock.stage(release, this.#began, collected, (progress) => void announce({ vouchsafe: 'progress', progress }));
    await collected;
  }

  /** One after the other: whoever waits for the last waits for all. */
  #collect(): void {
    const { releases, violations } = this.#parts;
    this.#collecting = this.#collecting.then(() => releases.collect()).catch((error) => violations.record(error, 'storage'));
  }

  async #activate(): Promise<ReleaseSummary | undefined> {
    const { releases, announce, standDown } = this.#parts;
    await releases.open();
    const release = await this.#stock.makingRoom(() => releases.activate(), 0);
    if (!release) return undefined;
    if (release.manifest.tombstone) await standDown();
    else this.#collect();
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

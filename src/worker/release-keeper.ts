import type { Freshness, ReleaseSummary, Status, UpdateResult } from '../messages/messages.js';
import type { WorkerConfig } from '../release/config.js';
import type { Purpose } from '../release/route.js';
import type { ReleaseRecord, Store, StoredState } from '../store/store.js';
import { VouchsafeError, withFacts } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import { Refresher } from '../tuf/refresher.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { downloadMissing } from './download-missing.js';
import { asVouchsafeError, toRefusal } from './refusal.js';
import { firstToExpire, hashesOf, type Release, releaseId, releaseOf, renewed, restore } from './release.js';
import { fileKey, readFile } from './verified-files.js';
import type { Announce, ViolationLog } from './violation-log.js';

/** How long (milliseconds) a navigation waits for newer metadata while the release may still run without. */
const REFRESH_WITHIN = 5_000;

/** Knows which release is active in this life of the worker, and how to get a newer one. */
export class ReleaseKeeper {
  readonly #life = crypto.randomUUID();
  readonly #config: WorkerConfig;
  readonly #scope: URL;
  readonly #store: Store;
  readonly #violations: ViolationLog;
  readonly #announce: Announce;
  #active: Release | undefined;
  #staged: Release | undefined;
  #opening: Promise<void> | undefined;
  #updating: Promise<UpdateResult> | undefined;
  /** Settles with the update under way, but not later than `REFRESH_WITHIN` after it began: a page and its frames wait once. */
  #patience: Promise<unknown> | undefined;
  #activating: Promise<ReleaseSummary | undefined> | undefined;
  /** The release whose files an update under way is storing. */
  #arriving: Release | undefined;
  /** The files of the release before the active one, once something asked for them. */
  #retired: Promise<Release['targets'] | undefined> | undefined;
  /** Why the last update failed, if it did. */
  #failure: VouchsafeError | undefined;
  #announcedFreshness: Freshness | undefined;
  #filesVerified = 0;

  constructor(config: WorkerConfig, scope: URL, store: Store, violations: ViolationLog, announce: Announce) {
    this.#config = config;
    this.#scope = scope;
    this.#store = store;
    this.#violations = violations;
    this.#announce = announce;
  }

  /**
   * The release that answers a request. A navigation gets the staged release if there is one, and nothing at all when the metadata has
   * expired and a refresh does not help; a page that is already open keeps running.
   *
   * @param purpose what the request is for
   * @param extend keeps the worker alive for what goes on in the background
   * @throws `expired` when frozen, and the last update's code when there is no release
   */
  async releaseFor(purpose: Purpose, extend: (work: Promise<unknown>) => void): Promise<Release> {
    await this.#open();
    if (purpose === 'subresource') {
      if (!this.#active) await this.update();
    } else {
      // Not for a frame: the page around it is of the active release, and so are the files it still asks for.
      if (purpose === 'document') await this.activate();
      if (this.freshness() === 'fresh') extend(this.update());
      else await this.#refresh(extend);
      if (purpose === 'document') await this.activate();
      if (this.#active && this.freshness() === 'frozen') throw frozen(this.#active);
    }
    if (this.#active) return this.#active;
    throw this.#failure ?? new VouchsafeError('not-found', 'No release is there yet.');
  }

  /** A file of a release, verified just now. @throws the core's codes */
  async read(release: Release, target: TargetFile): Promise<Uint8Array> {
    const bytes = await this.#read(target, this.#refresher(), release.consistentSnapshot);
    this.#filesVerified++;
    return bytes;
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

  /** Makes the staged release, if any, the active one. One at a time; never rejects. */
  activate(): Promise<ReleaseSummary | undefined> {
    this.#activating ??= this.#activate()
      .catch(async (error) => {
        await this.#violations.record(error, 'storage');
        return undefined;
      })
      .finally(() => {
        this.#activating = undefined;
      });
    return this.#activating;
  }

  /** How current the active release is at this moment. */
  freshness(): Freshness {
    if (!this.#active) return 'empty';
    const { expires } = firstToExpire(this.#active);
    const now = Date.now();
    if (now < expires) return 'fresh';
    const isUsedUp = now >= expires + this.#active.manifest.offlineSeconds * 1000;
    return isUsedUp || this.#failure?.code === 'expired' ? 'frozen' : 'stale';
  }

  /** What the worker trusts right now. Never rejects. */
  async status(extend: (work: Promise<unknown>) => void): Promise<Status> {
    await this.#open();
    // Whether expired metadata means stale or frozen, only the repository can say.
    if (this.freshness() === 'stale' && !this.#failure) await this.#refresh(extend);
    return {
      life: this.#life,
      freshness: this.freshness(),
      ...this.#active?.trusted,
      ...(this.#active && { active: summaryOf(this.#active) }),
      ...(this.#staged && { staged: summaryOf(this.#staged) }),
      releases: [],
      keys: {},
      activation: this.#active?.manifest.activation ?? 'navigation',
      storage: { kept: 'indexeddb' },
      clockBehind: 0,
      filesVerified: this.#filesVerified,
      violations: await this.#violations.list(),
    };
  }

  /** Waits for an update; not for long when the release may run without, as offline. */
  async #refresh(extend: (work: Promise<unknown>) => void): Promise<void> {
    const updated = this.update();
    extend(updated);
    await (this.freshness() === 'stale' ? this.#patience : updated);
  }

  #open(): Promise<void> {
    this.#opening ??= this.#restoreAll();
    return this.#opening;
  }

  async #restoreAll(): Promise<void> {
    try {
      const state = await this.#store.loadState();
      this.#active ??= await this.#restore(state, state.active);
      this.#staged ??= await this.#restore(state, state.staged);
    } catch (error) {
      // The store may be there again a moment later.
      this.#opening = undefined;
      await this.#violations.record(error, 'storage');
    }
  }

  async #restore(state: StoredState, record: ReleaseRecord | undefined): Promise<Release | undefined> {
    if (!record) return undefined;
    try {
      const { metadata, newest } = await restore(this.#roots(), state, record, Date.now());
      const refresher = this.#refresher();
      return await releaseOf(metadata, newest, (target) => this.#read(target, refresher, newest.consistentSnapshot));
    } catch (error) {
      await this.#violations.record(error, 'storage');
      return undefined;
    }
  }

  async #update(): Promise<UpdateResult> {
    try {
      await this.#open();
      const refresher = this.#refresher();
      const metadata = await refresher.refresh();
      const result = await this.#take(metadata, refresher);
      this.#failure = undefined;
      return result;
    } catch (error) {
      this.#failure = asVouchsafeError(error);
      // To be offline is no violation. An answer that is not the repository's is one.
      if (this.#failure.code !== 'unreachable' || this.#failure.facts.status !== undefined)
        await this.#violations.record(error, 'update');
      return { outcome: 'failed', refusal: toRefusal(this.#failure), freshness: this.freshness() };
    } finally {
      this.#arriving = undefined;
      await this.#announceFreshness();
    }
  }

  async #take(metadata: TrustedMetadata, refresher: Refresher): Promise<UpdateResult> {
    const id = await releaseId(metadata);
    // Which release is staged and which active is only clear when none is on its way from one to the other.
    await this.#activating;
    if (id === this.#active?.id) {
      this.#active = renewed(this.#active, metadata);
      await this.#store.saveRelease('active', this.#active.record);
      return { outcome: 'current' };
    }
    if (id === this.#staged?.id) {
      const staged = renewed(this.#staged, metadata);
      this.#staged = staged;
      await this.#store.saveRelease('staged', staged.record);
      return { outcome: 'staged', release: summaryOf(staged) };
    }
    const { root } = metadata;
    const release = await releaseOf(metadata, root, (target) => this.#read(target, refresher, root.consistentSnapshot));
    this.#arriving = release;
    await this.#store.keepFiles(this.#wantedHashes());
    await downloadMissing(
      release,
      this.#store,
      (target) => this.#download(target, refresher, root.consistentSnapshot),
      (progress) => void this.#announce({ vouchsafe: 'progress', progress }),
    );
    await this.#store.saveRelease('staged', release.record);
    this.#staged = release;
    if (!this.#active) {
      await this.#activate();
      return { outcome: 'activated', release: summaryOf(release) };
    }
    await this.#announce({ vouchsafe: 'staged', release: summaryOf(release) });
    return { outcome: 'staged', release: summaryOf(release) };
  }

  async #activate(): Promise<ReleaseSummary | undefined> {
    await this.#open();
    const release = this.#staged;
    if (!release) return undefined;
    await this.#store.activate(release.record);
    if (this.#active) this.#retired = Promise.resolve(this.#active.targets);
    this.#active = release;
    if (this.#staged === release) this.#staged = undefined;
    await this.#store.keepFiles(this.#wantedHashes());
    await this.#announce({ vouchsafe: 'activated', release: summaryOf(release) });
    await this.#announceFreshness();
    return summaryOf(release);
  }

  /** The files of the active and the staged release, and of the one that an update under way is storing. */
  #wantedHashes(): Set<string> {
    return new Set([this.#active, this.#staged, this.#arriving].flatMap((release) => (release ? [...hashesOf(release)] : [])));
  }

  #read(target: TargetFile, refresher: Refresher, consistentSnapshot: boolean): Promise<Uint8Array> {
    return readFile(
      this.#store,
      target,
      (file) => this.#download(file, refresher, consistentSnapshot),
      (error) => void this.#violations.record(error, 'storage'),
    );
  }

  /** A file from the repository. When it is not the right one, says whether it is that of a release that was active before. */
  async #download(target: TargetFile, refresher: Refresher, consistentSnapshot: boolean): Promise<Uint8Array> {
    this.#retired ??= this.#restoreRetired();
    const older = [this.#active?.targets, await this.#retired].flatMap((targets) => targets?.get(target.path) ?? []);
    // Room for the older file, so that it is recognised instead of cut off.
    const maxLength = Math.max(target.length, ...older.map(({ length }) => length));
    try {
      return await refresher.downloadTarget(target, consistentSnapshot, maxLength);
    } catch (error) {
      throw diagnosed(error, older);
    }
  }

  async #restoreRetired(): Promise<Release['targets'] | undefined> {
    try {
      const state = await this.#store.loadState();
      return state.retired && (await restore(this.#roots(), state, state.retired, Date.now())).metadata.targets?.files;
    } catch {
      // It is only for a better word in an error.
      return undefined;
    }
  }

  #refresher(): Refresher {
    return new Refresher({
      root: this.#roots().at(-1) ?? new Uint8Array(),
      store: this.#store,
      fetch: (url, init) => fetch(url, init),
      metadataUrl: new URL(this.#config.metadata, this.#scope).href,
      targetsUrl: new URL(this.#config.targets, this.#scope).href,
    });
  }

  #roots(): Uint8Array[] {
    return this.#config.roots.map((root) => new TextEncoder().encode(root));
  }

  async #announceFreshness(): Promise<void> {
    const freshness = this.freshness();
    if (freshness === this.#announcedFreshness) return;
    this.#announcedFreshness = freshness;
    await this.#announce({ vouchsafe: 'state', freshness });
  }
}

function frozen(release: Release): VouchsafeError {
  const { role, version, expires } = firstToExpire(release);
  const message = `The ${role} signatures of this site have expired, and no newer ones came.`;
  return new VouchsafeError('expired', message, {
    role,
    version,
    expected: `unexpired at ${new Date().toISOString()}`,
    actual: `expired ${new Date(expires).toISOString()}`,
  });
}

/** Names the older release among whose files the bytes are that came instead. */
function diagnosed(error: unknown, older: readonly TargetFile[]): unknown {
  const { code, facts } = asVouchsafeError(error);
  const isOlder = code === 'mismatch' && older.some((file) => facts.actual?.includes(fileKey(file)));
  return isOlder ? withFacts(error, { diagnosis: 'older release' }) : error;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function summaryOf({ id, files, bytes }: Release): ReleaseSummary {
  return { id, files, bytes };
}

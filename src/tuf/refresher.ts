import { applyDelta, deltaName } from './delta.js';
import type { FetchFunction } from './download.js';
import { type Diagnosis, VouchsafeError, withFacts } from './errors.js';
import { checkFile, type FileDigest, inWords, type TargetFile } from './file.js';
import { metadataName, targetLocation } from './layout.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import type { Metadata } from './metadata.js';
import { isMissing, Mirrors } from './mirrors.js';
import { Root } from './root.js';
import type { Timestamp } from './timestamp.js';
import { TrustedMetadata } from './trusted-metadata.js';

/**
 * Where trusted metadata is kept between refreshes. What it returns is never believed: it is verified again. Role names are data and can be
 * anything, `../x` and `2.root` too; they must not meet the roots, nor each other.
 */
export interface MetadataStore {
  /** @returns the root of a version as saved, or undefined */
  loadRoot(version: number): Promise<Uint8Array | undefined>;
  /** In one transaction: saves a root and deletes the named roles, whose keys it replaces (specification 5.3.11). */
  saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void>;
  /** @returns a role's metadata as saved, or undefined */
  loadRole(role: string): Promise<Uint8Array | undefined>;
  /** Saves a role's metadata in place of what was there. */
  saveRole(role: string, bytes: Uint8Array): Promise<void>;
}

export interface UpdaterOptions {
  /** The trusted root metadata that came with the program. */
  readonly root: Uint8Array;
  readonly store: MetadataStore;
  readonly fetch: FetchFunction;
  /** Absolute URL of the metadata folder, with a trailing slash, or those of several mirrors in the order to ask them. */
  readonly metadataUrl: string | readonly string[];
  /** The same for the targets folder. */
  readonly targetsUrl: string | readonly string[];
  /** Told of each mirror that was passed over, and why. */
  readonly onMirrorFailure?: (error: VouchsafeError) => void;
  /** Whether `fetch` has an HTTP cache, as browsers have: what is refused is then asked for once more past it. By default it has. */
  readonly hasHttpCache?: boolean;
  /**
   * Whether the repository has deltas of its targets metadata, as `vouchsafe publish` writes them: with a few files changed of many, an update then
   * costs one or two kilobytes. Where one is missing or wrong the whole document is asked for. By default there are none.
   */
  readonly hasDeltas?: boolean;
  /**
   * Whether to ask for the timestamp together with the next root, for a delta together with the snapshot, and for the next role while one is being saved. What comes is looked at, and saved, in
   * the order of the specification all the same; a store that fails is noticed one request later. By default one thing is done after the other.
   */
  readonly isEager?: boolean;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: () => number;
  readonly limits?: Partial<Limits>;
}

/** What the store has of roles, on its way. */
type Readings = Readonly<Record<'timestamp' | 'snapshot' | 'targets', Promise<Uint8Array | undefined>>>;

/**
 * Keeps the top-level metadata up to date (specification 5.1 to 5.6) and downloads targets: all that a client needs whose targets are not
 * delegated. Decides what to load, what to ask for and what a failure means. The rules are in `TrustedMetadata`.
 */
export class Refresher {
  readonly #options: UpdaterOptions;
  /** The bounds it keeps to. */
  readonly limits: Limits;
  /** Where it asks for metadata. */
  readonly metadata: Mirrors;
  readonly #targets: Mirrors;
  #refreshing: Promise<TrustedMetadata> | undefined;
  #trusted: TrustedMetadata | undefined;
  /** Roles are saved one after the other, each while the next one is asked for. */
  #saving: Promise<unknown> = Promise.resolve();

  /** @param options the trusted root, where the repository is and where to keep its metadata */
  constructor(options: UpdaterOptions) {
    this.#options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { fetch, metadataUrl, targetsUrl, onMirrorFailure, hasHttpCache = true } = options;
    this.metadata = new Mirrors(metadataUrl, fetch, this.limits, onMirrorFailure, hasHttpCache);
    this.#targets = new Mirrors(targetsUrl, fetch, this.limits, onMirrorFailure, hasHttpCache);
  }

  /**
   * Brings all top-level metadata up to date (specification 5.1 to 5.6). Each role is saved as soon as it is trusted, so what came before
   * a failure stays; nothing refused is saved; what is in the store, expired, damaged or gone, never stands in the way of newer metadata.
   * Calls while one is under way share it.
   *
   * @returns everything now trusted
   * @throws `unreachable`, `redirected`, `too-long`, `too-slow`, and all that `TrustedMetadata` refuses
   */
  refresh(): Promise<TrustedMetadata> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** What the last refresh that succeeded left. */
  get trusted(): TrustedMetadata | undefined {
    return this.#trusted;
  }

  /**
   * Downloads a target and checks it (specification 5.7.3).
   *
   * @param target what trusted metadata lists
   * @param consistentSnapshot whether the file's name carries its hash; by default as the refreshed root says, after a refresh if there
   *   was none yet
   * @param maxLength bytes to accept before giving up. More than the target's length accepts nothing more, but lets the `mismatch` say
   *   what came instead
   * @param onMismatch looks at bytes that were refused and says what they seem to be, for the error's facts
   * @returns its bytes
   * @throws `mismatch`, `malformed` for a path that cannot be asked for, `unreachable`, `redirected`, `too-long`, `too-slow`
   */
  async downloadTarget(
    target: TargetFile,
    consistentSnapshot?: boolean,
    maxLength = target.length,
    onMismatch?: (bytes: Uint8Array) => Promise<Diagnosis>,
  ): Promise<Uint8Array> {
    const hasHash = consistentSnapshot ?? (this.#trusted ?? (await this.refresh())).root.consistentSnapshot;
    const facts = { path: target.path };
    const take = async (bytes: Uint8Array): Promise<Uint8Array> => {
      await checkFile(bytes, target, facts).catch(async (error) => {
        throw onMismatch ? withFacts(error, { diagnosis: await onMismatch(bytes) }) : error;
      });
      return bytes;
    };
    return this.#targets.first({
      name: targetLocation(target, hasHash),
      facts,
      maxLength,
      take,
      expected: inWords(target),
      // A name with a hash in it stands for one content for ever.
      cache: hasHash ? 'default' : 'no-cache',
    });
  }

  /**
   * Downloads the targets metadata that a snapshot lists, for a client that has verified it before and has lost it since.
   *
   * @param version that the snapshot lists
   * @param listed what it has to be, with a hash
   * @param consistentSnapshot whether its name has the version
   * @throws `mismatch`, `unreachable`, `redirected`, `too-long`, `too-slow`
   */
  async downloadTargetsMetadata(version: number, listed: FileDigest, consistentSnapshot: boolean): Promise<Uint8Array> {
    const facts = { role: 'targets', version };
    return this.metadata.first({
      name: metadataName('targets', consistentSnapshot ? version : undefined),
      facts,
      maxLength: listed.length,
      take: async (bytes) => {
        await checkFile(bytes, listed, facts);
        return bytes;
      },
    });
  }

  async #refresh(): Promise<TrustedMetadata> {
    const { root, now = Date.now } = this.#options;
    const trusted = await TrustedMetadata.fromRoot(root, now());
    this.#saving = Promise.resolve();
    try {
      await this.#updateAll(trusted);
    } finally {
      // Also what came before a failure is saved when it is told.
      await this.#saving;
    }
    this.#trusted = trusted;
    return trusted;
  }

  async #updateAll(trusted: TrustedMetadata): Promise<void> {
    await this.#loadRoots(trusted);
    const { root } = trusted;
    // Read while the next root and the timestamp are on their way, and before the timestamp is saved, which a read would wait for.
    const before = this.#readRoles();
    await this.#updateRoots(trusted);
    trusted.checkExpiry('root');
    // A new root may have discarded some of it.
    const stored = trusted.root === root ? before : this.#readRoles();
    await this.#updateTimestamp(trusted, stored.timestamp);
    const { snapshotLength, targetsLength } = this.limits;
    await this.#updateListed(
      trusted,
      'snapshot',
      stored,
      snapshotLength,
      (bytes) => trusted.loadSnapshot(bytes),
      (bytes) => trusted.updateSnapshot(bytes),
    );
    await this.#updateListed(
      trusted,
      'targets',
      stored,
      targetsLength,
      (bytes) => trusted.loadTargets(bytes),
      (bytes) => trusted.updateTargets(bytes),
    );
  }

  #readRoles(): Readings {
    const { store } = this.#options;
    const readings = {
      timestamp: store.loadRole('timestamp'),
      snapshot: store.loadRole('snapshot'),
      targets: store.loadRole('targets'),
    };
    // Whoever needs it hears of it.
    for (const reading of Object.values(readings)) reading.catch(() => {});
    return readings;
  }

  /** The chain of roots in the store, as far as it is whole. What is damaged is asked for again. */
  async #loadRoots(trusted: TrustedMetadata): Promise<void> {
    const { root } = trusted;
    const { store } = this.#options;
    const [same, next] = await Promise.all([store.loadRoot(root.version), store.loadRoot(root.version + 1)]);
    const older = same ? undefined : await this.#newestStoredBefore(root);
    // A newer program may bring the root that replaces stolen keys; it is as if it had come from the repository.
    if (older) await this.#saveRoot(older, root);
    for (let bytes = next; bytes; bytes = await store.loadRoot(trusted.root.version + 1)) {
      const offered = bytes;
      if (!(await unlessRefused(() => trusted.loadRoot(offered)))) return;
    }
  }

  async #newestStoredBefore({ version }: Root): Promise<Root | undefined> {
    for (let before = version - 1; before > 0; before--) {
      const bytes = await this.#options.store.loadRoot(before);
      const root = bytes && (await unlessRefused(async () => new Root(bytes)));
      if (root) return root;
    }
    return undefined;
  }

  /**
   * Saves a root, and deletes what the keys signed that it replaces (specification 5.3.11): it may be the work of their thief, with versions
   * so high that nothing honest would follow.
   */
  async #saveRoot(before: Root, root: Root): Promise<void> {
    const isReplaced = before.losesKey('timestamp', root) || before.losesKey('snapshot', root);
    await this.#options.store.saveRoot(root.version, root.bytes, isReplaced ? ['timestamp', 'snapshot'] : []);
  }

  /** Specification 5.3. */
  async #updateRoots(trusted: TrustedMetadata): Promise<void> {
    for (let rotations = 0; rotations < this.limits.rootRotations; rotations++) {
      const before = trusted.root;
      try {
        const next = this.metadata.first({
          name: metadataName('root', before.version + 1),
          facts: { role: 'root', version: before.version + 1 },
          mayBeMissing: true,
          maxLength: this.limits.rootLength,
          take: (bytes) => trusted.updateRoot(bytes),
        });
        if (this.#options.isEager && rotations === 0) this.metadata.askAhead(this.#timestamp);
        await next;
      } catch (error) {
        // Only "there is no such file" ends the chain (5.3.3).
        if (isMissing(error)) return;
        throw error;
      }
      await this.#saveRoot(before, trusted.root);
    }
  }

  /** Specification 5.4. */
  async #updateTimestamp(trusted: TrustedMetadata, reading: Readings['timestamp']): Promise<void> {
    await this.#load(reading, (bytes) => trusted.loadTimestamp(bytes));
    let before = trusted.timestamp;
    const answers = this.metadata.each({
      ...this.#timestamp,
      facts: { role: 'timestamp' },
      take: (bytes) => trusted.updateTimestamp(bytes),
    });
    for await (const after of answers) {
      if (after !== before) await this.#save(() => this.#saveTimestamp(trusted.root, after));
      before = after;
    }
  }

  get #timestamp(): { readonly name: string; readonly maxLength: number } {
    return { name: metadataName('timestamp'), maxLength: this.limits.timestampLength };
  }

  /** With the root it was verified by, also when that came with the program: the next program's root may replace its keys. */
  async #saveTimestamp(root: Root, timestamp: Timestamp): Promise<void> {
    const { store } = this.#options;
    if (!(await store.loadRoot(root.version))) await store.saveRoot(root.version, root.bytes, []);
    await store.saveRole('timestamp', timestamp.bytes);
  }

  /** Saves, after what was to be saved before; nothing when that failed. */
  async #save(work: () => Promise<void>): Promise<void> {
    this.#saving = this.#saving.then(work);
    // At the end it is awaited anyway.
    this.#saving.catch(() => {});
    if (!this.#options.isEager) await this.#saving;
  }

  /** Specification 5.5 and 5.6: a role whose version, and perhaps length, the metadata before it lists. */
  async #updateListed(
    trusted: TrustedMetadata,
    role: 'snapshot' | 'targets',
    readings: Readings,
    maxLength: number,
    load: (bytes: Uint8Array) => Promise<unknown>,
    update: (bytes: Uint8Array) => Promise<Metadata>,
  ): Promise<void> {
    const stored = await this.#load(readings[role], load);
    if (trusted.isFresh(role)) return;
    const { version, length } = trusted.listed(role);
    const longest = Math.min(length ?? maxLength, maxLength);
    const facts = { role, version };
    const whole = () =>
      this.metadata.first({
        name: metadataName(role, trusted.root.consistentSnapshot ? version : undefined),
        facts,
        maxLength: longest,
        take: update,
      });
    const hasDelta = this.#options.hasDeltas && role === 'targets' && stored;
    // What comes of it is checked like the whole document, so it may be made from anything.
    const fromDelta = async () =>
      hasDelta &&
      this.metadata.first({
        name: await deltaName(role, version, hasDelta),
        facts,
        // As for a client that was away for some releases: no fault of a mirror's.
        mayBeMissing: true,
        maxLength: Math.floor(longest / 2),
        take: (delta) => update(applyDelta(hasDelta, delta, longest)),
      });
    const download = async () => (await unlessRefused(fromDelta)) || whole();
    const [{ bytes }] = await Promise.all([download(), role === 'snapshot' && this.#askForDelta(trusted, readings.targets)]);
    await this.#save(() => this.#options.store.saveRole(role, bytes));
  }

  /**
   * Asks for the delta to the targets metadata that the next snapshot most likely lists, the version after the one before, while that snapshot is on its
   * way. Where that lists another one (to a client that has missed a release) or the same (only the snapshot was signed anew) there is no such file.
   */
  async #askForDelta({ snapshot }: TrustedMetadata, reading: Readings['targets']): Promise<void> {
    const { isEager, hasDeltas } = this.#options;
    const version = snapshot?.meta.get('targets.json')?.version;
    const base = isEager && hasDeltas && version !== undefined && (await reading);
    if (!base) return;
    const name = await deltaName('targets', version + 1, base);
    // A longer one is no use.
    this.metadata.askAhead({ name, maxLength: base.length });
  }

  /** Offers what the store has of a role, and returns it. It is a memory of versions at best, so a refusal only means to go without it. */
  async #load(
    reading: Promise<Uint8Array | undefined>,
    take: (bytes: Uint8Array) => Promise<unknown>,
  ): Promise<Uint8Array | undefined> {
    const bytes = await reading;
    if (bytes) await unlessRefused(() => take(bytes));
    return bytes;
  }
}

/**
 * @param offer a rule, applied to what the store has
 * @returns what it returned, or undefined when it refused
 * @throws anything that is no refusal
 */
export async function unlessRefused<T>(offer: () => Promise<T>): Promise<T | undefined> {
  try {
    return await offer();
  } catch (error) {
    if (error instanceof VouchsafeError) return undefined;
    throw error;
  }
}

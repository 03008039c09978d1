import type { StoredRelease } from '../messages/messages.js';
import type { Activation } from '../release/manifest.js';
import type { Documents, ReleaseRecord, Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import type { TargetsIndex } from '../tuf/targets-index.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { type Asking, type OpenClients, Pins } from './pins.js';
import { hashesOf, indexed, isRequired, type Release, renewed } from './release.js';
import type { ReleaseReader } from './release-reader.js';
import type { ScriptCopies } from './script-copies.js';
import type { TargetFiles } from './target-files.js';
import { fileKey } from './verified-files.js';
import type { ViolationLog } from './violation-log.js';

const ACTIVATIONS: readonly (string | undefined)[] = ['navigation', 'prompt', 'immediate'] satisfies Activation[];

/** The releases that are stored: the active one, one that is staged, those that open pages stay on. What is stored is believed only once it is verified. */
export class Releases {
  readonly #store: Store;
  readonly #violations: ViolationLog;
  readonly #scripts: Pick<ScriptCopies, 'keep'>;
  readonly #reader: ReleaseReader;
  readonly pins: Pins;
  #active: Release | undefined;
  #staged: Release | undefined;
  /** The release whose files are being stored. */
  arriving: Release | undefined;
  /** What the app wants, whatever the manifest says. */
  #activation: Activation | undefined;
  #opening: Promise<void> | undefined;
  #forgotAt = 0;
  /** The key of the release that was the active one before, in this life of the worker. */
  #previous: string | undefined;
  /** Other releases: those that pages stay on, and the last one before the active one. */
  readonly #others = new Map<string, ReleaseRecord>();
  readonly #restored = new Map<string, Promise<Release | undefined>>();
  readonly #targets = new WeakMap<ReleaseRecord, Promise<TargetFiles | undefined>>();

  /**
   * @param store where releases are
   * @param reader of what is stored there
   * @param violations told of what was wrong with it
   * @param clients the worker's
   * @param scripts copies that go when no release wants them, or when room is needed
   */
  constructor(
    store: Store,
    reader: ReleaseReader,
    violations: ViolationLog,
    clients: OpenClients,
    scripts: Pick<ScriptCopies, 'keep'>,
  ) {
    this.#store = store;
    this.#reader = reader;
    this.#violations = violations;
    this.#scripts = scripts;
    this.pins = new Pins(clients, (client, release, time) =>
      store.pin(client, release, time).catch((error) => violations.record(error, 'storage')),
    );
  }

  get active(): Release | undefined {
    return this.#active;
  }
  get staged(): Release | undefined {
    return this.#staged;
  }
  /** Whether this worker has been asked for anything that needs a release. */
  get isOpen(): boolean {
    return this.#opening !== undefined;
  }
  /** When files were last forgotten, by `performance.now`: with the life itself, when none were in it, for the one before may have done so just then. */
  get forgotAt(): number {
    return this.#forgotAt;
  }
  /** When a staged release becomes active. */
  get activation(): Activation {
    return this.#activation ?? (this.#staged ?? this.#active)?.manifest.activation ?? 'navigation';
  }

  /** Starts to read the files that a page is about to ask for while `open` verifies what says which they are, once. */
  readAhead(): void {
    if (!this.#opening) void this.#store.readAhead();
  }

  /** Reads what earlier lives of the worker stored, once. Never rejects. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    try {
      // While the database is opened: the first signature in a worker's life takes the engine many times as long as the others.
      const ready = this.#reader.trustedFirst().catch(() => {});
      const { roots, releases, active, staged, pins, activation } = await this.#store.loadState();
      // Not later: a database that comes back from here on was not read.
      const isRead = this.#store.hasRead;
      await ready;
      this.#reader.storedRoots = roots;
      this.pins.load(pins);
      if (ACTIVATIONS.includes(activation)) this.#activation ??= activation as Activation;
      for (const [key, record] of releases) if (key !== active && key !== staged) this.#others.set(key, record);
      this.#active ??= await this.#restore(active, releases);
      this.#staged ??= await this.#restore(staged, releases);
      // What the database has is read when it is there again.
      if (!isRead) this.#opening = undefined;
    } catch (error) {
      // The store may be there again a moment later.
      this.#opening = undefined;
      await this.#violations.record(error, 'storage');
    }
  }

  async #restore(key: string | undefined, records: ReadonlyMap<string, ReleaseRecord>): Promise<Release | undefined> {
    const record = key === undefined ? undefined : records.get(key);
    return key === undefined || !record ? undefined : this.#reader.read(key, record);
  }

  /**
   * A release that a page stays on.
   *
   * @param key what it is stored under
   * @returns it; undefined when it is no longer there, or no longer trusted
   */
  async get(key: string): Promise<Release | undefined> {
    for (const release of [this.#active, this.#staged]) if (release?.key === key) return release;
    const restored = this.#restored.get(key) ?? this.#restore(key, this.#others);
    this.#restored.set(key, restored);
    const release = await restored;
    // What could not be read now may be there the next time.
    if (!release && this.#restored.get(key) === restored) this.#restored.delete(key);
    return release;
  }

  /**
   * The release that answers a request: that of its page.
   *
   * @param event the request
   * @param hasFile whether a release has what is asked for. It decides where the browser does not say which of two tabs asks
   */
  async ofRequest(event: Asking, hasFile: (release: Release) => Promise<boolean>): Promise<Release | undefined> {
    if (!this.#active) return undefined;
    // Most requests.
    if (this.pins.of(event.clientId) === this.#active.key) return this.#active;
    const keys = await this.pins.ofRequest(event, this.#active.key);
    const releases = (await Promise.all(keys.map((key) => this.get(key)))).filter((release) => release !== undefined);
    // A file of another release would not go with what the page has already.
    if (releases.length === 0) {
      throw new VouchsafeError('storage', 'The release that this page was opened with is not there any more. Load the page again.');
    }
    if (this.pins.of(event.clientId) === releases[0]?.key) return releases[0];
    let answering: Release | undefined;
    for (const release of releases) if (!answering && (await hasFile(release))) answering = release;
    if (!answering) return releases[0];
    // Whose the next request is decides the first one that is answered.
    return this.pins.adopt(event.clientId, answering.key) === answering.key ? answering : this.ofRequest(event, hasFile);
  }

  /** The files that the releases before the newest have under a target path. Never rejects: it is for words about what came instead. */
  async older(path: string): Promise<TargetFile[]> {
    const others = await Promise.all(Array.from(this.#others, ([key, record]) => this.#otherTargets(key, record)));
    const found = await Promise.all(
      [this.#active?.targets, ...others].map((targets) => targets?.find(path).catch(() => undefined)),
    );
    return found.filter((file) => file !== undefined);
  }

  /** The hashes of these, and those of their chunks as far as this life has opened their releases. */
  async olderHashes(path: string): Promise<string[]> {
    const opened = await Promise.all([this.#active, ...this.#restored.values()]);
    const chunks = opened.flatMap((release) => release?.manifest.chunks.get(path)?.sha256 ?? []);
    return [...(await this.older(path)).map(fileKey), ...chunks];
  }

  /** By the metadata alone: a manifest may have to be downloaded, and a download asks for this. */
  #otherTargets(key: string, record: ReleaseRecord): Promise<TargetFiles | undefined> {
    const known =
      this.#targets.get(record) ??
      this.#reader.verify(key, record).then(
        (verified) => this.#reader.targetsOf(key, verified),
        () => undefined,
      );
    this.#targets.set(record, known);
    return known;
  }

  /**
   * Takes newer metadata of a release that is there already.
   *
   * @returns which one it is; undefined when it is another one
   * @throws `storage`, `quota`
   */
  async renew(id: string, metadata: TrustedMetadata): Promise<'active' | 'staged' | undefined> {
    const { root: newest, targets: listing } = metadata;
    if (newest.version > (this.#active?.trusted.root.version ?? 0)) await this.checkAgain();
    if (!listing) return undefined;
    const verified = { metadata, newest, listing };
    if (id === this.#active?.id) {
      this.#active.targets.adopt(listing.files);
      this.#active = renewed(this.#active, verified);
      await this.#store.saveRelease(this.#active.key, this.#active.record);
      return 'active';
    }
    if (id === this.#staged?.id) {
      this.#staged.targets.adopt(listing.files);
      this.#staged = renewed(this.#staged, verified);
      await this.#store.saveRelease(this.#staged.key, this.#staged.record);
      return 'staged';
    }
    return undefined;
  }

  /** Keeps the index of the active release, whose documents are stored. @throws `quota` */
  async addIndex(id: string, index: TargetsIndex): Promise<void> {
    if (this.#active?.id !== id) return;
    this.#active = indexed(this.#active, index);
    await this.#store.saveRelease(this.#active.key, this.#active.record);
  }

  /** A root that came since may have taken back the keys that a release was signed with. @throws nothing */
  async checkAgain(): Promise<void> {
    const { roots } = await this.#store.loadState();
    const known = this.#active?.trusted.root.version ?? 0;
    // One by one: a page script can store more of them than a call takes arguments.
    if (![...roots.keys()].some((version) => version > known)) return;
    this.#reader.storedRoots = roots;
    this.#restored.clear();
    const checked = new Map<string, Release | undefined>();
    for (const release of [this.#active, this.#staged]) if (release) checked.set(release.id, await this.#again(release));
    // The staged one may have become the active one meanwhile.
    const asChecked = (release: Release | undefined) => (release && checked.has(release.id) ? checked.get(release.id) : release);
    this.#active = asChecked(this.#active);
    this.#staged = asChecked(this.#staged);
    // Then the one before it is there, and was not checked.
    this.#restored.clear();
  }

  /** By the metadata alone: whether the manifest can be read is no question of trust. */
  async #again(release: Release): Promise<Release | undefined> {
    try {
      return renewed(release, await this.#reader.verify(release.key, release.record));
    } catch (error) {
      await this.#violations.record(error, 'storage');
      return undefined;
    }
  }

  /**
   * Keeps a complete release beside the active one.
   *
   * @param release the release
   * @param documents that it is stored with
   * @throws `storage`, `quota`
   */
  async stage(release: Release, documents: Documents): Promise<void> {
    await this.#store.stage(release.key, release.record, documents);
    // One that never became active is there as a later life of the worker would find it.
    if (this.#staged && this.#staged.key !== release.key) this.#others.set(this.#staged.key, this.#staged.record);
    this.#staged = release;
  }

  /** Makes the staged release the active one, unless it is not trusted any more. Pages that are open stay on theirs. @throws `storage`, `quota` */
  async activate(): Promise<Release | undefined> {
    const begun = this.#staged;
    if (!begun) return undefined;
    const { id, key } = begun;
    await this.#store.activate(key);
    // By id: meanwhile an update may have brought newer metadata of it, or a root under which it may not run. What a key stands for, a page script can alter.
    if (this.#active?.id === id) return this.#active;
    if (!this.#staged) return undefined;
    const release = this.#staged.id === id ? this.#staged : begun;
    if (this.#active && this.#active.key !== key) {
      this.#previous = this.#active.key;
      this.#others.set(this.#active.key, this.#active.record);
      this.#restored.set(this.#active.key, Promise.resolve(this.#active));
    }
    this.#active = release;
    // A newer one may have been staged in its place meanwhile.
    this.#others.delete(key);
    if (this.#staged === release) this.#staged = undefined;
    return release;
  }

  /** What the app wants about activation from now on; undefined: what the manifest says. @throws `storage` */
  async setActivation(activation: Activation | undefined): Promise<void> {
    this.#activation = ACTIVATIONS.includes(activation) ? activation : undefined;
    await this.#store.saveActivation(this.#activation);
  }

  /**
   * Forgets the releases that no page stays on, and all files that no release has.
   *
   * @param isShort whether room is needed: then the files go, too, that no release needs in order to run
   * @throws `storage`
   */
  async collect(isShort = false): Promise<void> {
    const clients = await this.pins.open();
    const previous = this.#previous;
    // One that was staged and never ran may be newer.
    const last = previous && this.#others.has(previous) ? previous : [...this.#others.keys()].sort(byAge).at(-1);
    for (const key of [...this.#others.keys()]) {
      if (clients.has(key)) continue;
      this.#restored.delete(key);
      // The last one's metadata stays: what an attacker would most like to serve should be recognised.
      if (key !== last) this.#others.delete(key);
    }
    // The active one, too: while there is no room to say that another is, the store names that one already.
    const current = [this.#active, this.#staged, this.arriving].flatMap((release) => release?.key ?? []);
    await this.#store.keep(new Set([...this.#others.keys(), ...current]), this.pins.has);
    const kept = await this.#kept(clients);
    const wanted = kept && (await hashesOfAll(kept, isShort ? isRequired : undefined));
    if (!wanted) return;
    // No release needs them: what they are copies of is among the files.
    const hadCopy = await this.#scripts.keep(isShort ? 'none' : kept);
    if ((await this.#store.keepFiles(wanted)) || hadCopy) this.#forgotAt = performance.now();
  }

  /**
   * Does the same when there is something to forget: a release whose last page has gone since, files that no release has, many pins of pages that are
   * closed. Otherwise it writes nothing, and what is in memory of the files stays there.
   *
   * @throws `storage`
   */
  async collectIfDue(): Promise<void> {
    const clients = await this.pins.open();
    const retired = [...this.#others.keys()].filter((key) => !clients.has(key));
    const isDue = retired.length > 1 || this.#store.hasGonePins(this.pins.has);
    const kept = isDue ? undefined : await this.#kept(clients);
    const wanted = kept && (await hashesOfAll(kept));
    if (isDue || (wanted && (await this.#store.hasGarbage(wanted)))) await this.collect();
  }

  /** @returns the releases that have to stay; undefined when nobody can say */
  async #kept(clients: ReadonlyMap<string, number>): Promise<Release[] | undefined> {
    const pinned = await Promise.all([...clients.keys()].map((key) => this.get(key)));
    // Which files a release has that cannot be opened, nobody can say; it may be one that only cannot be read at the moment.
    if (!this.#active || [...clients.keys()].some((key, i) => !pinned[i] && this.#others.has(key))) return undefined;
    return [this.#active, this.#staged, this.arriving, ...pinned].filter((release) => release !== undefined);
  }

  /** Every release that is stored and can be opened: the active one, the staged one, then those that pages stay on, oldest first. */
  async stored(): Promise<{ readonly release: Release; readonly state: StoredRelease['state']; readonly clients: number }[]> {
    const clients = await this.pins.open();
    const keys = [...clients.keys()].filter((key) => this.#others.has(key)).sort(byAge);
    const pinned = await Promise.all(keys.map(async (key) => [await this.get(key), 'pinned'] as const));
    const all = [[this.#active, 'active'] as const, [this.#staged, 'staged'] as const, ...pinned];
    return all.flatMap(([release, state]) => (release ? [{ release, state, clients: clients.get(release.key) ?? 0 }] : []));
  }

  /** The same for pages. */
  async list(): Promise<StoredRelease[]> {
    return (await this.stored()).map(({ release: { id, files, bytes }, ...more }) => ({ id, files, bytes, ...more }));
  }
}

/** Keys begin with the snapshot's version, but for those that the first worker stored. */
function byAge(a: string, b: string): number {
  return (Number.parseInt(a, 10) || 0) - (Number.parseInt(b, 10) || 0);
}

/** The hashes under which releases' files are stored; undefined when nobody can say, since the targets metadata of one is lost. */
async function hashesOfAll(
  releases: readonly Release[],
  isWanted?: (release: Release, path: string) => boolean,
): Promise<ReadonlySet<string> | undefined> {
  const all = releases.map((release) => hashesOf(release, isWanted && ((path) => isWanted(release, path))));
  return Promise.all(all).then(
    (hashes) => new Set(hashes.flat()),
    () => undefined,
  );
}

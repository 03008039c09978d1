import type { StoredRelease } from '../messages/messages.js';
import type { WorkerConfig } from '../release/config.js';
import { type Activation, fileRule } from '../release/manifest.js';
import type { ReleaseRecord, Store } from '../store/store.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/file.js';
import type { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { type Asking, type OpenClients, Pins } from './pins.js';
import { hashesOf, type Release, releaseOf, renewed, restore } from './release.js';
import type { ScriptCopies } from './script-copies.js';
import type { Download } from './verified-files.js';
import type { ViolationLog } from './violation-log.js';

const ACTIVATIONS: readonly (string | undefined)[] = ['navigation', 'prompt', 'immediate'] satisfies Activation[];

/** The releases that are stored: the active one, one that is staged, those that open pages stay on. What is stored is believed only once it is verified. */
export class Releases {
  readonly #config: WorkerConfig;
  readonly #store: Store;
  readonly #violations: ViolationLog;
  readonly #scripts: Pick<ScriptCopies, 'keep'>;
  readonly #readManifest: (file: TargetFile, consistentSnapshot: boolean) => ReturnType<Download>;
  readonly pins: Pins;
  #active: Release | undefined;
  #staged: Release | undefined;
  /** The release whose files are being stored. */
  arriving: Release | undefined;
  /** What the app wants, whatever the manifest says. */
  #activation: Activation | undefined;
  #opening: Promise<void> | undefined;
  #storedRoots: ReadonlyMap<number, Uint8Array> = new Map();
  /** Other releases: those that pages stay on, and the last one before the active one. */
  readonly #others = new Map<string, ReleaseRecord>();
  readonly #restored = new Map<string, Promise<Release | undefined>>();
  readonly #targets = new WeakMap<ReleaseRecord, Promise<Release['targets'] | undefined>>();

  /**
   * @param config the worker's configuration
   * @param store where releases are
   * @param violations told of what was wrong with it
   * @param clients the worker's
   * @param scripts copies that go when no release wants them, or when room is needed
   * @param readManifest gets a release manifest, checked
   */
  constructor(
    config: WorkerConfig,
    store: Store,
    violations: ViolationLog,
    clients: OpenClients,
    scripts: Pick<ScriptCopies, 'keep'>,
    readManifest: (file: TargetFile, consistentSnapshot: boolean) => ReturnType<Download>,
  ) {
    this.#config = config;
    this.#store = store;
    this.#violations = violations;
    this.#scripts = scripts;
    this.#readManifest = readManifest;
    this.pins = new Pins(clients, (client, release, time) =>
      store.pin(client, release, time).catch((error) => violations.record(error, 'storage')),
    );
  }

  /** The compiled-in root metadata, oldest first. */
  get roots(): readonly Uint8Array[] {
    return this.#config.roots.map((root) => new TextEncoder().encode(root));
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
      const { roots, releases, active, staged, pins, activation } = await this.#store.loadState();
      this.#storedRoots = roots;
      this.pins.load(pins);
      if (ACTIVATIONS.includes(activation)) this.#activation ??= activation as Activation;
      for (const [key, record] of releases) if (key !== active && key !== staged) this.#others.set(key, record);
      this.#active ??= await this.#restore(active, releases);
      this.#staged ??= await this.#restore(staged, releases);
      // What the database has is read when it is there again.
      if (this.#store.kept === 'memory') this.#opening = undefined;
    } catch (error) {
      // The store may be there again a moment later.
      this.#opening = undefined;
      await this.#violations.record(error, 'storage');
    }
  }

  async #restore(key: string | undefined, records: ReadonlyMap<string, ReleaseRecord>): Promise<Release | undefined> {
    const record = key === undefined ? undefined : records.get(key);
    if (!record) return undefined;
    try {
      const { metadata, newest } = await restore(this.roots, this.#storedRoots, record, Date.now());
      const release = await releaseOf(metadata, newest, (file) => this.#readManifest(file, newest.consistentSnapshot), key);
      // That the worker is to go, only the repository says, now: what is stored may be an old word, put back.
      return release.manifest.tombstone ? undefined : release;
    } catch (error) {
      await this.#violations.record(error, 'storage');
      return undefined;
    }
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
  async ofRequest(event: Asking, hasFile: (release: Release) => boolean): Promise<Release | undefined> {
    if (!this.#active) return undefined;
    const keys = await this.pins.ofRequest(event, this.#active.key);
    const releases = (await Promise.all(keys.map((key) => this.get(key)))).filter((release) => release !== undefined);
    // A file of another release would not go with what the page has already.
    if (releases.length === 0) {
      throw new VouchsafeError('storage', 'The release that this page was opened with is not there any more. Load the page again.');
    }
    return releases.find(hasFile) ?? releases[0];
  }

  /** The files that the releases before the newest have under a target path. */
  async older(path: string): Promise<TargetFile[]> {
    const others = await Promise.all([...this.#others.values()].map((record) => this.#targetsOf(record)));
    return [this.#active?.targets, ...others].flatMap((targets) => targets?.get(path) ?? []);
  }

  /** By the metadata alone: a manifest may have to be downloaded, and a download asks for this. */
  #targetsOf(record: ReleaseRecord): Promise<Release['targets'] | undefined> {
    const known =
      this.#targets.get(record) ??
      restore(this.roots, this.#storedRoots, record, Date.now()).then(
        ({ metadata }) => metadata.targets?.files,
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
    await this.checkAgain();
    if (id === this.#active?.id) {
      this.#active = renewed(this.#active, metadata);
      await this.#store.saveRelease(this.#active.key, this.#active.record);
      return 'active';
    }
    if (id === this.#staged?.id) {
      this.#staged = renewed(this.#staged, metadata);
      await this.#store.saveRelease(this.#staged.key, this.#staged.record);
      return 'staged';
    }
    return undefined;
  }

  /** A root that came since may have taken back the keys that a release was signed with. @throws nothing */
  async checkAgain(): Promise<void> {
    const { roots } = await this.#store.loadState();
    const known = this.#active?.trusted.root.version ?? 0;
    // One by one: a page script can store more of them than a call takes arguments.
    if (![...roots.keys()].some((version) => version > known)) return;
    this.#storedRoots = roots;
    this.#restored.clear();
    this.#active = await this.#again(this.#active);
    this.#staged = await this.#again(this.#staged);
  }

  /** By the metadata alone: whether the manifest can be read is no question of trust. */
  async #again(release: Release | undefined): Promise<Release | undefined> {
    if (!release) return undefined;
    try {
      const { metadata, newest } = await restore(this.roots, this.#storedRoots, release.record, Date.now());
      return renewed(release, metadata, newest);
    } catch (error) {
      await this.#violations.record(error, 'storage');
      return undefined;
    }
  }

  /** Keeps a complete release beside the active one. @throws `storage`, `quota` */
  async stage(release: Release): Promise<void> {
    await this.#store.stage(release.key, release.record);
    this.#staged = release;
  }

  /** Makes the staged release the active one. Pages that are open stay on theirs. @throws `storage`, `quota` */
  async activate(): Promise<Release | undefined> {
    const release = this.#staged;
    if (!release) return undefined;
    await this.#store.activate(release.key);
    // An update and a navigation may both have begun.
    if (this.#active === release) return release;
    if (this.#active) {
      this.#others.set(this.#active.key, this.#active.record);
      this.#restored.set(this.#active.key, Promise.resolve(this.#active));
    }
    this.#active = release;
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
   * @returns whether there was a file to forget
   * @throws `storage`
   */
  async collect(isShort = false): Promise<boolean> {
    const { clients, names } = await this.pins.open();
    const last = [...this.#others.keys()].sort(byAge).at(-1);
    for (const key of [...this.#others.keys()]) {
      if (clients.has(key)) continue;
      this.#restored.delete(key);
      // The last one's metadata stays: what an attacker would most like to serve should be recognised.
      if (key !== last) this.#others.delete(key);
    }
    // The active one, too: while there is no room to say that another is, the store names that one already.
    const current = [this.#active, this.#staged].flatMap((release) => release?.key ?? []);
    await this.#store.keep(new Set([...this.#others.keys(), ...current]), names);
    const pinned = await Promise.all([...clients.keys()].map((key) => this.get(key)));
    // Which files a release has that cannot be opened, nobody can say; it may be one that only cannot be read at the moment.
    if (!this.#active || [...clients.keys()].some((key, i) => !pinned[i] && this.#others.has(key))) return false;
    const kept = [this.#active, this.#staged, this.arriving, ...pinned].filter((release) => release !== undefined);
    const wanted = kept.flatMap((release) =>
      isShort ? hashesOf(release, (path) => isRequired(release, path)) : hashesOf(release),
    );
    // No release needs them: what they are copies of is among the files.
    const hadCopy = await this.#scripts.keep(isShort ? 'none' : kept);
    return (await this.#store.keepFiles(new Set(wanted))) || hadCopy;
  }

  /** Every release that is stored and can be opened: the active one, the staged one, then those that pages stay on, oldest first. */
  async list(): Promise<StoredRelease[]> {
    const { clients } = await this.pins.open();
    const list: StoredRelease[] = [];
    const add = (release: Release | undefined, state: StoredRelease['state']) => {
      if (!release) return;
      const { id, files, bytes } = release;
      list.push({ id, files, bytes, state, clients: clients.get(release.key) ?? 0 });
    };
    add(this.#active, 'active');
    add(this.#staged, 'staged');
    for (const key of [...clients.keys()].sort(byAge)) if (this.#others.has(key)) add(await this.get(key), 'pinned');
    return list;
  }
}

function isRequired({ manifest }: Release, path: string): boolean {
  const { keep, optional } = fileRule(manifest, path);
  return keep === 'precache' && !optional;
}

/** Keys begin with the snapshot's version, but for those that the first worker stored. */
function byAge(a: string, b: string): number {
  return (Number.parseInt(a, 10) || 0) - (Number.parseInt(b, 10) || 0);
}

import { isIndexedByName } from '../src/release/packs.js';
import { type Delegated, nextRelease, type ReleaseMetadata, type ReleaseRole } from '../src/repository/release.js';
import { firstRoot, nextRoot, type RoleDefinitions } from '../src/repository/root.js';
import { signMetadata } from '../src/repository/sign.js';
import { ed25519Signer, type Signer } from '../src/repository/signer.js';
import type { FetchFunction, FetchResponse } from '../src/tuf/download.js';
import { describe, type TargetFile } from '../src/tuf/file.js';
import { encodeJson, type JsonObject, parseJson } from '../src/tuf/json.js';
import { targetLocation } from '../src/tuf/layout.js';
import { Root, type TopLevelRole } from '../src/tuf/root.js';
import { type MetadataStore, Updater, type UpdaterOptions } from '../src/tuf/updater.js';

const DAY = 86_400;
const ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];

/** Lives of the simulator's metadata, in seconds. All different, so that each role can be the one that has expired. */
export const EXPIRY = { root: 365 * DAY, timestamp: 7 * DAY, snapshot: 30 * DAY, targets: 90 * DAY };

/** The simulator's clock starts here. */
export const START = Date.parse('2030-01-01T00:00:00Z');

/** A text as bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** A signer whose key is fixed by a small number, so that every run signs with the same keys. */
export function testSigner(number: number): Promise<Signer> {
  return ed25519Signer(new Uint8Array(32).fill(number));
}

/** A `MetadataStore` in memory that remembers what was saved, in order. */
export class MemoryStore implements MetadataStore {
  readonly roots = new Map<number, Uint8Array>();
  readonly roles = new Map<string, Uint8Array>();
  readonly saved: string[] = [];

  async loadRoot(version: number): Promise<Uint8Array | undefined> {
    return this.roots.get(version);
  }

  async saveRoot(version: number, bytes: Uint8Array, discard: readonly string[]): Promise<void> {
    // The first one comes with the program; it is saved with the first timestamp, and says nothing about what came from the repository.
    if (version > 1) this.saved.push(`root ${version}`);
    this.saved.push(...discard.map((role) => `discard ${role}`));
    this.roots.set(version, bytes);
    for (const role of discard) this.roles.delete(role);
  }

  async loadRole(role: string): Promise<Uint8Array | undefined> {
    return this.roles.get(role);
  }

  async saveRole(role: string, bytes: Uint8Array): Promise<void> {
    this.saved.push(role);
    this.roles.set(role, bytes);
  }

  /** The version of a saved role. */
  version(role: string): number | undefined {
    const bytes = this.roles.get(role);
    return bytes && (signedPart(bytes).version as number);
  }
}

/** The `signed` part of a document. */
export function signedPart(bytes: Uint8Array): JsonObject {
  return (parseJson(bytes) as { signed: JsonObject }).signed;
}

/**
 * A TUF repository in memory. It publishes with `src/repository`, answers like a web server, and lies on command: whatever is put into
 * `files` is what clients get, and `answer` can replace a whole response.
 */
export class RepositorySimulator {
  /** What the server has, by URL path. */
  readonly files = new Map<string, Uint8Array>();
  /** URL paths asked for, in order. */
  readonly requests: string[] = [];
  /** Milliseconds since 1970; clients use it too. */
  now = START;
  /** Answers instead of the files when it returns something. */
  answer: ((path: string, signal: AbortSignal) => FetchResponse | Promise<FetchResponse> | undefined) | undefined;
  signers: Record<TopLevelRole, Signer[]>;
  metadata: ReleaseMetadata | undefined;
  targets = new Map<string, Uint8Array>();
  /** What the targets delegate. The files of delegated roles go to the server with `putTarget`. */
  delegated: Delegated | undefined;
  root: Uint8Array = new Uint8Array();

  private constructor(signers: Record<TopLevelRole, Signer[]>) {
    this.signers = signers;
  }

  /**
   * A repository with one release.
   *
   * @param thresholds how many keys each role has and needs; one by default
   */
  static async create(thresholds: Partial<Record<TopLevelRole, number>> = {}): Promise<RepositorySimulator> {
    const signers = { root: [], timestamp: [], snapshot: [], targets: [] } as Record<TopLevelRole, Signer[]>;
    for (const [i, role] of ROLES.entries()) {
      for (let n = 0; n < (thresholds[role] ?? 1); n++) signers[role].push(await testSigner(16 * (i + 1) + n));
    }
    const simulator = new RepositorySimulator(signers);
    simulator.root = await firstRoot(simulator.definitions(), signers.root, START + EXPIRY.root * 1000);
    simulator.put('1.root.json', simulator.root);
    await simulator.release({ 'app.js': 'one', 'style.css': 'two' });
    return simulator;
  }

  /** Every role's keys, all of which must sign. */
  definitions(): RoleDefinitions {
    const define = (role: TopLevelRole) => ({ keys: this.signers[role], threshold: this.signers[role].length });
    return { root: define('root'), timestamp: define('timestamp'), snapshot: define('snapshot'), targets: define('targets') };
  }

  /** Publishes a release of these files, by target path. */
  async release(files: Record<string, string>): Promise<void> {
    this.targets = new Map(Object.entries(files).map(([path, text]) => [path, utf8(text)]));
    await this.publish();
  }

  /** Publishes the files as they are, with new versions for what has changed. */
  async publish(): Promise<void> {
    const list: TargetFile[] = [];
    for (const [path, bytes] of this.targets) list.push(await this.putTarget(path, bytes));
    const { changed, metadata } = await nextRelease(
      this.metadata,
      list,
      this.signers,
      EXPIRY,
      this.now,
      this.delegated,
      isIndexedByName,
    );
    for (const { name, bytes } of changed) this.put(name, bytes);
    this.metadata = metadata;
  }

  /** Puts a target's file on the server. @returns what metadata lists for it */
  async putTarget(path: string, content: string | Uint8Array): Promise<TargetFile> {
    const bytes = typeof content === 'string' ? utf8(content) : content;
    const file = { path, ...(await describe(bytes)) };
    this.files.set(`/targets/${targetLocation(file, true)}`, bytes);
    return file;
  }

  /** Publishes the next root, with the given roles' signers replaced. Old and new root signers sign. */
  async rotate(signers: Partial<Record<TopLevelRole, Signer[]>>): Promise<void> {
    const old = this.signers.root;
    this.signers = { ...this.signers, ...signers };
    const both = [...new Set([...old, ...this.signers.root])];
    this.root = await nextRoot(this.root, this.definitions(), both, this.now + EXPIRY.root * 1000);
    this.put(`${new Root(this.root).version}.root.json`, this.root);
  }

  /**
   * A role's current metadata with something changed, signed again: what a thief of the role's keys can make.
   *
   * @param role which
   * @param change fields to replace in its signed part
   * @param signers who signs; the role's own by default
   */
  async forge(role: TopLevelRole, change: JsonObject, signers: readonly Signer[] = this.signers[role]): Promise<Uint8Array> {
    const current = role === 'root' ? this.root : this.current(role);
    return signMetadata({ ...signedPart(current), ...change }, signers);
  }

  /** A role's current bytes. */
  current(role: ReleaseRole): Uint8Array {
    if (!this.metadata) throw new Error('nothing is published yet');
    return this.metadata[role];
  }

  /** Puts a metadata file on the server. */
  put(name: string, bytes: Uint8Array | JsonObject): void {
    this.files.set(`/metadata/${name}`, bytes instanceof Uint8Array ? bytes : encodeJson(bytes));
  }

  /** Serves forged targets, snapshot, timestamp: each is put in place, and what lists a forged one is made to fit. */
  async serve(forged: Partial<ReleaseMetadata>): Promise<void> {
    const list = async (bytes: Uint8Array) => {
      const { length, hashes } = await describe(bytes);
      return { version: signedPart(bytes).version as number, length, hashes: { ...hashes } };
    };
    const targets = forged.targets ?? this.current('targets');
    const fitting = async () =>
      forged.targets ? this.forge('snapshot', { meta: { 'targets.json': await list(targets) } }) : this.current('snapshot');
    const snapshot = forged.snapshot ?? (await fitting());
    const timestamp = forged.timestamp ?? (await this.forge('timestamp', { meta: { 'snapshot.json': await list(snapshot) } }));
    this.put(`${signedPart(targets).version}.targets.json`, targets);
    this.put(`${signedPart(snapshot).version}.snapshot.json`, snapshot);
    this.put('timestamp.json', timestamp);
    this.metadata = { targets, snapshot, timestamp };
  }

  /** The client's way to ask. */
  readonly fetch: FetchFunction = async (url, { signal }) => {
    const { pathname } = new URL(url);
    this.requests.push(pathname);
    const answer = await this.answer?.(pathname, signal);
    if (answer) return answer;
    const bytes = this.files.get(pathname);
    return new Response(bytes ? bytes.slice() : 'no such file', { status: bytes ? 200 : 404 });
  };

  /** A client of this repository. */
  client(store: MetadataStore = new MemoryStore(), options: Partial<UpdaterOptions> = {}): Updater {
    return new Updater({
      root: this.files.get('/metadata/1.root.json') ?? this.root,
      store,
      fetch: this.fetch,
      hasHttpCache: false,
      metadataUrl: 'https://repository.test/metadata/',
      targetsUrl: 'https://repository.test/targets/',
      now: () => this.now,
      ...options,
    });
  }
}

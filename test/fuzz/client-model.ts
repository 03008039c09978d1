import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Signer } from '../../src/repository/signer.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { TopLevelRole } from '../../src/tuf/root.js';
import type { MetadataStore } from '../../src/tuf/updater.js';
import { EXPIRY, MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';

type ReleaseRole = Exclude<TopLevelRole, 'root'>;
type Documents = Readonly<Record<TopLevelRole, Uint8Array>>;

/** What was current at some time, and all files that the server had then. */
interface Moment extends Documents {
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Something that happens to a repository, to what its server says, to the clock, or to a client. Each lie is followed by a refresh. */
export type Step =
  | { readonly do: 'publish'; readonly isChanged: boolean }
  | { readonly do: 'rotate'; readonly roles: readonly TopLevelRole[]; readonly isPublished: boolean }
  /**
   * Who has stolen the timestamp and snapshot keys waits some days, and serves versions far ahead, of the timestamp alone or both, for what was
   * current once.
   */
  | { readonly do: 'steal'; readonly days: number; readonly moment: number; readonly isSnapshotForged: boolean }
  /** The server goes back to all files of an earlier moment. */
  | { readonly do: 'replay'; readonly moment: number }
  /** The server answers for some roles with the documents of an earlier moment, whatever version it is asked for; perhaps it repeats a root. */
  | { readonly do: 'mix'; readonly moment: number; readonly roles: readonly TopLevelRole[]; readonly isRootRepeated: boolean }
  | { readonly do: 'expire'; readonly days: number }
  | { readonly do: 'refresh' }
  /** A refresh whose process ends at the given write, or with the given request unanswered. */
  | { readonly do: 'kill'; readonly at: 'before write' | 'after write' | 'request'; readonly count: number }
  /** The publisher and the server do everything right again, and the client must be able to follow. */
  | { readonly do: 'heal'; readonly replaced: 'timestamp' | 'snapshot' };

const ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];
const DAY = 86_400_000;
const AHEAD = 1_000;

// Counted back from now, and mostly not far.
const moment = fc.oneof(fc.nat(2), fc.nat(30));
const someRoles = fc.oneof(
  fc.constantFrom(...ROLES).map((role) => [role]),
  fc.subarray([...ROLES]),
);

/** Each kind of step. */
export const STEPS: readonly fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('publish'), isChanged: fc.boolean() }),
  fc.record({ do: fc.constant('rotate'), roles: someRoles, isPublished: fc.boolean() }),
  fc.record({ do: fc.constant('steal'), days: fc.constantFrom(0, 0, 31), moment, isSnapshotForged: fc.boolean() }),
  fc.record({ do: fc.constant('replay'), moment }),
  fc.record({
    do: fc.constant('mix'),
    moment,
    roles: someRoles,
    isRootRepeated: fc.boolean(),
  }),
  fc.record({ do: fc.constant('expire'), days: fc.constantFrom(1, 5, 5, 8, 31, 91, 366) }),
  fc.record({ do: fc.constant('refresh') }),
  fc.record({ do: fc.constant('kill'), at: fc.constantFrom('before write', 'after write', 'request'), count: fc.nat(4) }),
  fc.record({ do: fc.constant('heal'), replaced: fc.constantFrom('timestamp', 'snapshot') }),
];

/** The part of a document that the model looks at. It is read with `JSON.parse`, so that nothing under test judges itself. */
interface Signed {
  readonly version: number;
  readonly expires: string;
  readonly meta: Readonly<Record<string, { readonly version: number }>>;
  readonly roles: Readonly<Record<TopLevelRole, { readonly keyids: readonly string[] }>>;
}

function read(bytes: Uint8Array): Signed {
  return JSON.parse(Buffer.from(bytes).toString()).signed;
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

/** The versions that a client has in its store, by what they are the versions of. */
type Versions = ReadonlyMap<string, number>;

const signerCache = new Map<number, Promise<Signer>>();

/** Signers are slow to make, and every run needs the same. */
function signerOf(number: number): Promise<Signer> {
  const signer = signerCache.get(number) ?? testSigner(number);
  signerCache.set(number, signer);
  return signer;
}

/**
 * A repository, a server that may lie, a client that may be killed, and what must hold whatever they do: versions never go back, what a
 * refresh returns was published together, every refusal is a `VouchsafeError`, and a client of an honest server recovers.
 */
export class World {
  /** How often the client came through, was refused, was killed. */
  readonly outcomes = { trusted: 0, refused: 0, killed: 0 };
  readonly #repository: RepositorySimulator;
  readonly #store = new MemoryStore();
  /** All that was ever current, in order; thieves' documents too. */
  readonly #moments: Moment[] = [];
  /** Timestamp, snapshot and targets that were published together. */
  readonly #releases = new Set<string>();
  #answer: (path: string) => Uint8Array | undefined;
  #keysUsed = 100;
  #hasThief = false;

  private constructor(repository: RepositorySimulator) {
    this.#repository = repository;
    this.#answer = (path) => repository.files.get(path);
    this.#remember(this.#current());
  }

  static async create(): Promise<World> {
    return new World(await RepositorySimulator.create());
  }

  /**
   * Does a step.
   *
   * @throws AssertionError when something does not hold after it
   */
  async take(step: Step): Promise<void> {
    const before = this.#trusted();
    await this.#take(step);
    this.#checkVersions(before, this.#trusted());
  }

  async #take(step: Step): Promise<void> {
    const repository = this.#repository;
    switch (step.do) {
      case 'publish':
        if (step.isChanged) await repository.release({ 'app.js': `release ${this.#moments.length}` });
        else await repository.publish();
        return this.#beHonest();
      case 'rotate':
        await this.#rotate(step.roles);
        if (step.isPublished) await repository.publish();
        return this.#beHonest();
      case 'steal':
        repository.now += step.days * DAY;
        await this.#steal(this.#momentOf(step.moment), step.isSnapshotForged);
        return this.#refresh(new Process(this.#store));
      case 'replay': {
        const { files } = this.#momentOf(step.moment);
        this.#answer = (path) => files.get(path);
        return this.#refresh(new Process(this.#store));
      }
      case 'mix':
        this.#mix(step);
        return this.#refresh(new Process(this.#store));
      case 'expire':
        repository.now += step.days * DAY;
        return;
      case 'refresh':
        return this.#refresh(new Process(this.#store));
      case 'kill':
        return this.#refresh(new Process(this.#store, step));
      case 'heal':
        return this.#heal(step.replaced);
    }
  }

  async #rotate(roles: readonly TopLevelRole[]): Promise<void> {
    const signers: Partial<Record<TopLevelRole, Signer[]>> = {};
    for (const role of roles) signers[role] = [await signerOf(this.#keysUsed++)];
    await this.#repository.rotate(signers);
  }

  async #steal(old: Documents, isSnapshotForged: boolean): Promise<void> {
    this.#hasThief = true;
    const version = AHEAD * this.#moments.length;
    const meta = { 'targets.json': { version: read(old.targets).version } };
    const snapshot = isSnapshotForged ? await this.#repository.forge('snapshot', { version, meta }) : old.snapshot;
    const listed = read(snapshot).version;
    const timestamp = await this.#repository.forge('timestamp', { version, meta: { 'snapshot.json': { version: listed } } });
    this.#remember({ ...this.#current(), timestamp, snapshot, targets: old.targets });
    const forged = new Map([
      ['/metadata/timestamp.json', timestamp],
      [`/metadata/${listed}.snapshot.json`, snapshot],
    ]);
    this.#answer = (path) => forged.get(path) ?? this.#repository.files.get(path);
  }

  #mix(step: Step & { readonly do: 'mix' }): void {
    this.#answer = (path) => {
      const role = ROLES.find((name) => path.endsWith(`${name}.json`)) as TopLevelRole;
      const source = this.#momentOf(step.roles.includes(role) ? step.moment : 0);
      if (role !== 'root') return source[role];
      return source.files.get(path) ?? (step.isRootRepeated ? source.root : undefined);
    };
  }

  async #heal(replaced: 'timestamp' | 'snapshot'): Promise<void> {
    const repository = this.#repository;
    const isOld = Date.parse(read(repository.root).expires) - repository.now < (EXPIRY.root * 1000) / 2;
    // What a thief has signed with keys of today can only be outrun with a new key (specification 5.3.11); either role's must do.
    if (this.#hasThief || isOld) await this.#rotate(this.#hasThief ? [replaced] : []);
    await repository.publish();
    this.#beHonest();
    const trusted = this.outcomes.trusted;
    await this.#refresh(new Process(this.#store));
    assert.equal(this.outcomes.trusted, trusted + 1, 'a client of an honest server must come through');
    for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
      assert.equal(text(this.#store.roles.get(role)), text(this.#current()[role]), `the client must have the newest ${role}`);
    }
  }

  /** One life of the client: a refresh, to its end or to the process's. */
  async #refresh(process: Process): Promise<void> {
    const client = this.#repository.client(process, { fetch: (url) => process.request(() => this.#respond(url)) });
    const result = await Promise.race([client.refresh().catch((error: unknown) => ({ error })), process.killed]);
    process.kill();
    if (result === undefined) {
      this.outcomes.killed++;
    } else if ('error' in result) {
      if (!(result.error instanceof VouchsafeError)) throw result.error;
      this.outcomes.refused++;
    } else {
      this.outcomes.trusted++;
      const { root, timestamp, snapshot, targets } = result;
      const release = [timestamp, snapshot, targets].map((metadata) => text(metadata?.bytes));
      assert.ok(this.#releases.has(release.join()), 'timestamp, snapshot and targets were never published together');
      assert.equal(root.version, Math.max(1, ...this.#store.roots.keys()), 'the root is an older one');
      for (const bytes of [root.bytes, timestamp?.bytes, snapshot?.bytes, targets?.bytes]) {
        assert.ok(bytes && Date.parse(read(bytes).expires) > this.#repository.now, 'expired metadata is trusted');
      }
    }
  }

  async #respond(url: string): Promise<Response> {
    const bytes = this.#answer(new URL(url).pathname);
    return new Response(bytes ? bytes.slice() : 'no such file', { status: bytes ? 200 : 404 });
  }

  #beHonest(): void {
    this.#answer = (path) => this.#repository.files.get(path);
    this.#remember(this.#current());
  }

  #current(): Documents {
    const repository = this.#repository;
    return {
      root: repository.root,
      timestamp: repository.current('timestamp'),
      snapshot: repository.current('snapshot'),
      targets: repository.current('targets'),
    };
  }

  #remember(documents: Documents): void {
    this.#moments.push({ ...documents, files: new Map(this.#repository.files) });
    this.#releases.add([documents.timestamp, documents.snapshot, documents.targets].map(text).join());
  }

  #momentOf(number: number): Moment {
    return this.#moments.at(-1 - (number % this.#moments.length)) as Moment;
  }

  /** What the store says that the client trusts. Targets count by what the snapshot lists: the file alone is no memory of anything. */
  #trusted(): Versions {
    const versions = new Map([['root', Math.max(1, ...this.#store.roots.keys())]]);
    const { roles } = this.#store;
    for (const [role, listed] of [
      ['timestamp', 'snapshot'],
      ['snapshot', 'targets'],
    ] as const) {
      const bytes = roles.get(role);
      if (!bytes) continue;
      const { version, meta } = read(bytes);
      versions.set(role, version);
      versions.set(`${listed} in the ${role}`, meta[`${listed}.json`]?.version ?? 0);
    }
    for (const [role, bytes] of roles) {
      const made = this.#moments.some((one) => text(one[role as ReleaseRole]) === text(bytes));
      assert.ok(made, `the ${role} in the store was never published`);
    }
    return versions;
  }

  #checkVersions(before: Versions, after: Versions): void {
    const [from = 1, to = 1] = [before.get('root'), after.get('root')];
    assert.ok(to >= from, 'the root went back');
    // What a replaced key has signed is forgotten, with the versions in it (specification 5.3.11).
    for (let version = from; version < to; version++) {
      const [old, next] = [this.#rootOf(version), this.#rootOf(version + 1)];
      for (const role of ['timestamp', 'snapshot'] as const) {
        if (old.roles[role].keyids.some((keyid) => !next.roles[role].keyids.includes(keyid))) return;
      }
    }
    for (const [what, version] of before) {
      assert.ok((after.get(what) ?? 0) >= version, `${what} went back from ${version} to ${after.get(what)}`);
    }
  }

  #rootOf(version: number): Signed {
    return read(this.#repository.files.get(`/metadata/${version}.root.json`) as Uint8Array);
  }
}

/** A client's process: its store, which works until the process is killed. After that nothing ever answers. */
class Process implements MetadataStore {
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

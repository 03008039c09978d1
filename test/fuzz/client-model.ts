import assert from 'node:assert/strict';
import { describeDelegations } from '../../src/repository/delegation.js';
import type { Signer } from '../../src/repository/signer.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { TopLevelRole } from '../../src/tuf/root.js';
import type { TargetFile, TrustedMetadata } from '../../src/tuf/updater.js';
import { EXPIRY, MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { Process } from './client-process.js';
import { ALL_ROLES, type Role, type Step } from './client-steps.js';

type Documents = Readonly<Record<Role, Uint8Array>>;

/** What was current at some time, and all files that the server had then. */
interface Moment extends Documents {
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The one target that the delegated role lists. */
const PAGE = 'docs/page.html';
const DAY = 86_400_000;
const AHEAD = 1_000;

/** The part of a document that the model looks at. It is read with `JSON.parse`, so that nothing under test judges itself. */
interface Signed {
  readonly version: number;
  readonly expires: string;
  readonly meta: Readonly<Record<string, { readonly version: number }>>;
  readonly targets: Readonly<Record<string, { readonly hashes: object }>>;
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
  /** Timestamp, snapshot, targets and the delegated role that were published together. */
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
    const repository = await RepositorySimulator.create();
    await delegate(repository, 'the first page');
    await repository.publish();
    return new World(repository);
  }

  /**
   * Does a step.
   *
   * @throws AssertionError when something does not hold after it
   */
  async take(step: Step): Promise<void> {
    const before = { versions: this.#trusted(), roles: new Map(this.#store.roles) };
    await this.#take(step);
    this.#checkVersions(before.versions, this.#trusted());
    this.#checkSaved(before.roles);
  }

  async #take(step: Step): Promise<void> {
    const repository = this.#repository;
    switch (step.do) {
      case 'publish':
        if (step.isChanged) return this.#release();
        await repository.publish();
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
        for (let i = 0; i < step.releases; i++) await this.#release();
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

  async #release(): Promise<void> {
    const number = this.#moments.length;
    await delegate(this.#repository, `page ${number}`);
    await this.#repository.release({ 'app.js': `release ${number}` });
    this.#beHonest();
  }

  async #rotate(roles: readonly TopLevelRole[]): Promise<void> {
    const signers: Partial<Record<TopLevelRole, Signer[]>> = {};
    for (const role of roles) signers[role] = [await signerOf(this.#keysUsed++)];
    await this.#repository.rotate(signers);
  }

  async #steal(old: Documents, isSnapshotForged: boolean): Promise<void> {
    this.#hasThief = true;
    const version = AHEAD * this.#moments.length;
    const meta = { 'targets.json': { version: read(old.targets).version }, 'docs.json': { version: read(old.docs).version } };
    const snapshot = isSnapshotForged ? await this.#repository.forge('snapshot', { version, meta }) : old.snapshot;
    const listed = read(snapshot).version;
    const timestamp = await this.#repository.forge('timestamp', { version, meta: { 'snapshot.json': { version: listed } } });
    this.#remember({ ...old, root: this.#repository.root, timestamp, snapshot });
    const forged = new Map([
      ['/metadata/timestamp.json', timestamp],
      [`/metadata/${listed}.snapshot.json`, snapshot],
    ]);
    this.#answer = (path) => forged.get(path) ?? this.#repository.files.get(path);
  }

  #mix(step: Step & { readonly do: 'mix' }): void {
    this.#answer = (path) => {
      const role = ALL_ROLES.find((name) => path.endsWith(`${name}.json`)) as Role;
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
    for (const role of ['timestamp', 'snapshot', 'targets', 'docs'] as const) {
      assert.equal(text(this.#store.roles.get(role)), text(this.#current()[role]), `the client must have the newest ${role}`);
    }
  }

  /** One life of the client: a refresh and a search, to their end or to the process's. */
  async #refresh(process: Process): Promise<void> {
    const client = this.#repository.client(process, { fetch: (url) => process.request(() => this.#respond(url)) });
    const life = client.refresh().then(async (trusted) => ({ trusted, page: await client.findTarget(PAGE) }));
    const result = await Promise.race([life.catch((error: unknown) => ({ error })), process.killed]);
    process.kill();
    if (result === undefined) {
      this.outcomes.killed++;
    } else if ('error' in result) {
      if (!(result.error instanceof VouchsafeError)) throw result.error;
      this.outcomes.refused++;
    } else {
      this.outcomes.trusted++;
      this.#checkTrusted(result.trusted, result.page);
    }
  }

  #checkTrusted({ root, timestamp, snapshot, targets }: TrustedMetadata, page: TargetFile | undefined): void {
    const docs = this.#store.roles.get('docs');
    const documents = [timestamp?.bytes, snapshot?.bytes, targets?.bytes, docs];
    assert.ok(this.#releases.has(documents.map(text).join()), 'what is trusted was never published together');
    assert.equal(root.version, Math.max(1, ...this.#store.roots.keys()), 'the root is an older one');
    for (const bytes of [root.bytes, ...documents]) {
      assert.ok(bytes && Date.parse(read(bytes).expires) > this.#repository.now, 'expired metadata is trusted');
    }
    assert.deepEqual(
      { ...page?.hashes },
      docs && read(docs).targets[PAGE]?.hashes,
      'the target is not the one that its role lists',
    );
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
      docs: repository.metadata?.delegated?.get('docs') as Uint8Array,
    };
  }

  #remember(documents: Documents): void {
    this.#moments.push({ ...documents, files: new Map(this.#repository.files) });
    this.#releases.add([documents.timestamp, documents.snapshot, documents.targets, documents.docs].map(text).join());
  }

  #momentOf(number: number): Moment {
    return this.#moments.at(-1 - (number % this.#moments.length)) as Moment;
  }

  /** What the store says that the client trusts. Targets count by what the snapshot lists: the file alone is no memory of anything. */
  #trusted(): Versions {
    const versions = new Map([['root', Math.max(1, ...this.#store.roots.keys())]]);
    const { roles } = this.#store;
    for (const role of ['timestamp', 'snapshot'] as const) {
      const bytes = roles.get(role);
      if (!bytes) continue;
      const { version, meta } = read(bytes);
      versions.set(role, version);
      for (const [name, listed] of Object.entries(meta)) versions.set(`${name} in the ${role}`, listed.version);
    }
    for (const [role, bytes] of roles) {
      const made = this.#moments.some((one) => text(one[role as Role]) === text(bytes));
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

  /** Whatever is new in the store of what a snapshot lists is what the snapshot in the store lists. */
  #checkSaved(before: ReadonlyMap<string, Uint8Array>): void {
    const { roles } = this.#store;
    for (const role of ['targets', 'docs']) {
      const [bytes, snapshot] = [roles.get(role), roles.get('snapshot')];
      if (!bytes || text(bytes) === text(before.get(role))) continue;
      assert.equal(snapshot && read(snapshot).meta[`${role}.json`]?.version, read(bytes).version, `the wrong ${role} was saved`);
    }
  }

  #rootOf(version: number): Signed {
    return read(this.#repository.files.get(`/metadata/${version}.root.json`) as Uint8Array);
  }
}

/** What the targets leave to a role with one page; goes to the clients with the next release. */
async function delegate(repository: RepositorySimulator, page: string): Promise<void> {
  const signers = [await signerOf(99)];
  const delegations = describeDelegations([{ name: 'docs', keys: signers, threshold: 1, paths: ['docs/*'] }]);
  const files = [await repository.putTarget(PAGE, page)];
  repository.delegated = { delegations, roles: new Map([['docs', { files, signers }]]) };
}

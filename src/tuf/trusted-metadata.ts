import type { Delegation } from './delegations.js';
import { VouchsafeError, withFacts } from './errors.js';
import { checkFile, inWords } from './file.js';
import type { MetaFile } from './meta-file.js';
import { type Metadata, verifySignatures } from './metadata.js';
import { Root, type TopLevelRole } from './root.js';
import { Snapshot } from './snapshot.js';
import { Targets } from './targets.js';
import { TargetsIndex } from './targets-index.js';
import { Timestamp } from './timestamp.js';

/**
 * The rules of the client workflow (specification 5.3 to 5.6), in order and without I/O: what is here has passed them. `load…` takes
 * metadata from the store, where it may have expired since; `update…` takes it from the repository, where it may not. A method that
 * throws leaves everything as it was.
 *
 * The order is root (each version), timestamp, snapshot, targets. A release that was trusted once is opened again, expired or not,
 * with `fromRoot` (or `startAgain`), then `loadRoot` for each stored root, `loadTimestamp`, `loadSnapshot`, `loadTargets`.
 */
export class TrustedMetadata {
  readonly #now: number;
  #root: Root;
  #timestamp: Timestamp | undefined;
  #snapshot: Snapshot | undefined;
  #targets: Targets | undefined;

  private constructor(root: Root, now: number) {
    this.#root = root;
    this.#now = now;
  }

  /**
   * The moment that expiry is measured against, in milliseconds since 1970 (specification 5.1): the start of the refresh, but not before
   * the trusted timestamp was signed, if that says when. A clock that was set back makes nothing fresh that has expired.
   */
  get now(): number {
    return Math.max(this.#now, this.#timestamp?.signedAt ?? 0);
  }
  get root(): Root {
    return this.#root;
  }
  get timestamp(): Timestamp | undefined {
    return this.#timestamp;
  }
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }
  get targets(): Targets | undefined {
    return this.#targets;
  }

  /**
   * Starts from the trusted root (specification 5.2). It must be signed by its own keys, but may have expired.
   *
   * @param bytes the trusted root's bytes
   * @param now milliseconds since 1970
   * @throws `malformed`, `unsupported`, `unsigned`
   */
  static async fromRoot(bytes: Uint8Array, now: number): Promise<TrustedMetadata> {
    const root = parse('root', () => new Root(bytes));
    await root.verify('root', root);
    return new TrustedMetadata(root, now);
  }

  /**
   * Starts again from the root that is trusted now, which need not be verified once more.
   *
   * @param now milliseconds since 1970
   */
  startAgain(now: number): TrustedMetadata {
    return new TrustedMetadata(this.#root, now);
  }

  /**
   * Takes the next root from the store. See `updateRoot`.
   *
   * @param bytes root metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `rollback`, `mismatch`
   */
  loadRoot(bytes: Uint8Array): Promise<Root> {
    return this.updateRoot(bytes);
  }

  /**
   * Takes the next root (specification 5.3.4, 5.3.5): exactly the next version, signed by a threshold of both the old and the new root's
   * keys. Its expiry is not looked at here: only that of the last root counts (5.3.10), see `checkExpiry`.
   *
   * @param bytes root metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `rollback` for a lower or equal version, `mismatch` for a skipped one
   */
  async updateRoot(bytes: Uint8Array): Promise<Root> {
    if (this.#timestamp) throw new Error('Roots come before the timestamp.');
    const root = parse('root', () => new Root(bytes));
    await this.#root.verify('root', root);
    await root.verify('root', root);
    checkVersion(root.version > this.#root.version ? 'mismatch' : 'rollback', 'root', this.#root.version + 1, root);
    this.#root = root;
    return root;
  }

  /**
   * Takes a timestamp from the store, for its versions: it may have expired.
   *
   * @param bytes timestamp metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `rollback`
   */
  loadTimestamp(bytes: Uint8Array): Promise<Timestamp> {
    return this.#takeTimestamp(bytes, ignoreExpiry);
  }

  /**
   * Takes a timestamp from the repository (specification 5.4.2 to 5.4.4). One with the version that is trusted already changes nothing
   * and the trusted one is returned, provided that has not expired.
   *
   * @param bytes timestamp metadata
   * @returns the trusted timestamp after this
   * @throws `malformed`, `unsupported`, `unsigned`, `rollback` for its own version or the snapshot's, `expired` (the root's too)
   */
  async updateTimestamp(bytes: Uint8Array): Promise<Timestamp> {
    this.checkExpiry('root');
    return this.#takeTimestamp(bytes, this.#refuseExpired);
  }

  /**
   * Takes a snapshot from the store. Of an older version than the timestamp names, it only says which versions not to go back behind;
   * of that version, it must be the one that the timestamp lists.
   *
   * @param bytes snapshot metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`
   */
  async loadSnapshot(bytes: Uint8Array): Promise<Snapshot> {
    const listed = this.listed('snapshot');
    const snapshot = parse('snapshot', () => new Snapshot(bytes));
    if (snapshot.version === listed.version) await checkFile(bytes, listed, { role: 'snapshot', version: listed.version });
    await this.#root.verify('snapshot', snapshot);
    this.#snapshot = snapshot;
    this.#targets = undefined;
    return snapshot;
  }

  /**
   * Takes a snapshot from the repository (specification 5.5.2 to 5.5.6).
   *
   * @param bytes snapshot metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`, `rollback` for a targets role's version or removal, `expired` (the timestamp's too)
   */
  async updateSnapshot(bytes: Uint8Array): Promise<Snapshot> {
    const listed = this.listed('snapshot');
    this.checkExpiry('timestamp');
    await checkFile(bytes, listed, { role: 'snapshot', version: listed.version });
    const snapshot = parse('snapshot', () => new Snapshot(bytes));
    await this.#root.verify('snapshot', snapshot);
    checkVersion('mismatch', 'snapshot', listed.version, snapshot);
    if (this.#snapshot && snapshot.version < this.#snapshot.version)
      throw rollback('snapshot', this.#snapshot.version, snapshot.version);
    for (const [name, { version }] of this.#snapshot?.meta ?? []) {
      const next = snapshot.meta.get(name)?.version;
      if (next === undefined || next < version) throw rollback(name.replace(/\.json$/, ''), version, next ?? 'none');
    }
    this.#refuseExpired('snapshot', snapshot);
    this.#snapshot = snapshot;
    this.#targets = undefined;
    return snapshot;
  }

  /**
   * Takes the targets metadata from the store: all that `updateTargets` asks but expiry.
   *
   * @param bytes targets metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`, `not-found`
   */
  loadTargets(bytes: Uint8Array): Promise<Targets> {
    return this.#takeTopLevelTargets(bytes, ignoreExpiry);
  }

  /**
   * Takes the targets metadata from the repository (specification 5.6.2 to 5.6.5).
   *
   * @param bytes targets metadata
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`, `not-found` when the snapshot does not list it, `expired` (the snapshot's too)
   */
  async updateTargets(bytes: Uint8Array): Promise<Targets> {
    this.checkExpiry('snapshot');
    return this.#takeTopLevelTargets(bytes, this.#refuseExpired);
  }

  /**
   * Verifies the index of the targets metadata. The snapshot has to list its signatures, or whoever has the targets keys
   * alone could exchange it; and they have to be those of a threshold of these keys, or whoever has the others alone could. Nothing is kept. It may have
   * expired.
   *
   * @param bytes the index, made from the targets metadata or stored
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`, `not-found` when the snapshot does not list the targets
   */
  async verifyIndex(bytes: Uint8Array): Promise<TargetsIndex> {
    const listed = this.listed('targets');
    const facts = { role: 'targets', version: listed.version };
    const index = parse('targets', () => new TargetsIndex(bytes));
    const { signatures } = index;
    if (
      listed.indexSignatures?.size !== signatures.size ||
      [...signatures].some(([keyid, sig]) => listed.indexSignatures?.get(keyid) !== sig)
    )
      throw new VouchsafeError('mismatch', 'The snapshot lists other signatures of the index.', facts);
    await this.#root.verify('targets', index);
    checkVersion('mismatch', 'targets', listed.version, index);
    const { hashes } = index.targets;
    // By the hash alone the snapshot says which document it lists.
    if (hashes.sha256 === undefined || hashes.sha256 !== listed.hashes?.sha256) {
      throw new VouchsafeError('mismatch', 'The index is of other targets metadata.', {
        ...facts,
        expected: inWords(listed),
        actual: inWords(index.targets),
      });
    }
    return index;
  }

  /**
   * Verifies a delegated role's metadata against the delegation that leads to it (specification 5.6.2 to 5.6.5). Nothing is kept: what one
   * delegation vouches for, another of the same name need not.
   *
   * @param bytes the role's metadata, from the repository or the store
   * @param delegation one of those of the top-level targets, or of what this has returned
   * @throws `malformed`, `unsupported`, `unsigned`, `mismatch`, `not-found` when the snapshot does not list it, `expired` (the targets' too)
   */
  async verifyDelegated(bytes: Uint8Array, delegation: Delegation): Promise<Targets> {
    this.checkExpiry('targets');
    const { role, keys } = delegation;
    return this.#takeTargets(bytes, role, (targets) => verifySignatures(targets, role, keys, delegation), this.#refuseExpired);
  }

  /**
   * What the metadata before it says about a role: the timestamp about the snapshot, the snapshot about the targets and delegated roles.
   *
   * @param role the snapshot or any targets role
   * @throws `not-found` when the snapshot does not list it, `mismatch` when the snapshot is an older one from the store
   */
  listed(role: string): MetaFile {
    const { snapshot: listed } = this.#need('timestamp', this.#timestamp);
    if (role === 'snapshot') return listed;
    const snapshot = this.#need('snapshot', this.#snapshot);
    checkVersion('mismatch', 'snapshot', listed.version, snapshot);
    return snapshot.metaFile(role);
  }

  /**
   * Whether a role needs no download: it is the version that is listed, and has not expired.
   *
   * @param role the role
   */
  isFresh(role: 'snapshot' | 'targets'): boolean {
    const metadata = this[role];
    return metadata !== undefined && metadata.version === this.listed(role).version && metadata.expires > this.now;
  }

  /**
   * Refuses a role that has expired (specification 5.3.10, 5.4.4, 5.5.6, 5.6.5).
   *
   * @param role a role that is trusted already
   * @throws `expired`
   */
  checkExpiry(role: TopLevelRole): void {
    this.#refuseExpired(role, this.#need(role, this[role]));
  }

  async #takeTimestamp(bytes: Uint8Array, checkExpiry: ExpiryCheck): Promise<Timestamp> {
    let timestamp = parse('timestamp', () => new Timestamp(bytes));
    await this.#root.verify('timestamp', timestamp);
    const trusted = this.#timestamp;
    if (trusted) {
      if (timestamp.version < trusted.version) throw rollback('timestamp', trusted.version, timestamp.version);
      if (timestamp.version === trusted.version) timestamp = trusted;
      else if (timestamp.snapshot.version < trusted.snapshot.version) {
        throw rollback('snapshot', trusted.snapshot.version, timestamp.snapshot.version);
      }
    }
    checkExpiry('timestamp', timestamp);
    this.#timestamp = timestamp;
    return timestamp;
  }

  async #takeTopLevelTargets(bytes: Uint8Array, checkExpiry: ExpiryCheck): Promise<Targets> {
    const verify = (targets: Targets) => this.#root.verify('targets', targets);
    this.#targets = await this.#takeTargets(bytes, 'targets', verify, checkExpiry);
    return this.#targets;
  }

  async #takeTargets(
    bytes: Uint8Array,
    role: string,
    verify: (targets: Targets) => Promise<void>,
    checkExpiry: ExpiryCheck,
  ): Promise<Targets> {
    const listed = this.listed(role);
    await checkFile(bytes, listed, { role, version: listed.version });
    const targets = parse(role, () => new Targets(bytes));
    await verify(targets);
    checkVersion('mismatch', role, listed.version, targets);
    checkExpiry(role, targets);
    return targets;
  }

  readonly #refuseExpired: ExpiryCheck = (role, { version, expires }) => {
    if (expires > this.now) return;
    throw new VouchsafeError('expired', `The ${role} metadata has expired.`, {
      role,
      version,
      expected: `an expiry date after ${new Date(this.now).toISOString()}`,
      actual: new Date(expires).toISOString(),
    });
  };

  /** The order of the roles is the caller's business; getting it wrong is a mistake in a program, not in metadata. */
  #need<T>(role: string, metadata: T | undefined): T {
    if (!metadata) throw new Error(`The ${role} metadata comes first.`);
    return metadata;
  }
}

type ExpiryCheck = (role: string, metadata: Metadata) => void;

const ignoreExpiry: ExpiryCheck = () => {};

function parse<T>(role: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw withFacts(error, { role });
  }
}

function checkVersion(code: 'mismatch' | 'rollback', role: string, expected: number, { version }: Metadata): void {
  if (version === expected) return;
  throw new VouchsafeError(code, `This is not the version of ${role} that was asked for.`, {
    role,
    version,
    expected: `version ${expected}`,
    actual: `version ${version}`,
  });
}

function rollback(role: string, trusted: number, offered: number | string): VouchsafeError {
  return new VouchsafeError('rollback', `An older ${role} than the trusted one was offered.`, {
    role,
    expected: `version ${trusted} or later`,
    actual: `version ${offered}`,
  });
}

import { DelegationIndex } from './delegation-index.js';
import type { Delegation, Delegations } from './delegations.js';
import type { TargetFile } from './file.js';
import { metadataName } from './layout.js';
import type { MetadataStore, Refresher } from './refresher.js';
import { unlessRefused } from './refresher.js';
import type { Targets } from './targets.js';
import type { TrustedMetadata } from './trusted-metadata.js';

/** A role on the way of a search. */
interface Visit {
  readonly role: string;
  /** No promise when there is nothing to wait for: a look-up among what is loaded would be little else than waiting. */
  load(): Targets | Promise<Targets>;
}

/** A delegated role that is loaded, or is being loaded. */
interface Verified {
  readonly delegation: Delegation;
  targets: Targets | Promise<Targets>;
}

/** The search for targets among the roles that the top-level targets delegate to (specification 5.6.7), under one set of trusted metadata. */
export class TargetSearch {
  /** What it searches. */
  readonly trusted: TrustedMetadata;
  readonly #refresher: Refresher;
  readonly #store: MetadataStore;
  readonly #indexes = new WeakMap<Delegations, DelegationIndex>();
  /**
   * By role name, with the delegation it was verified by: what one delegation vouches for, another of the same name need not. One for each
   * name, or the memory would grow with the ways that lead to a role.
   */
  readonly #verified = new Map<string, Verified>();

  /**
   * @param trusted with targets, from a refresh
   * @param refresher whose refresh it was
   * @param store where delegated roles are kept
   */
  constructor(trusted: TrustedMetadata, refresher: Refresher, store: MetadataStore) {
    this.trusted = trusted;
    this.#refresher = refresher;
    this.#store = store;
  }

  /**
   * Pre-order, depth first, by priority; each role once, and no more of them than the limit.
   *
   * @param path target path
   * @returns what the first role lists that lists it, or undefined
   * @throws what a role on the way is refused for: to pass it over would let another, with less priority, speak for it
   */
  async find(path: string): Promise<TargetFile | undefined> {
    const { targets } = this.trusted;
    if (!targets) throw new Error('The search comes after the refresh.');
    const { delegations: limit } = this.#refresher.limits;
    const visited = new Set<string>();
    let ahead: Visit[] = [{ role: 'targets', load: () => targets }];
    for (let visit = ahead.pop(); visit && visited.size <= limit; visit = ahead.pop()) {
      if (visited.has(visit.role)) continue;
      visited.add(visit.role);
      const loading = visit.load();
      const { files, delegations } = loading instanceof Promise ? await loading : loading;
      const file = files.get(path);
      if (file) return file;
      const matching = delegations ? this.#indexOf(delegations).matching(path) : [];
      const last = matching.findIndex(({ isTerminating }) => isTerminating);
      // Nothing that comes after a terminating delegation is searched, neither beside it nor further up (5.6.7.2.3).
      if (last >= 0) ahead = [];
      const next = matching.slice(0, last >= 0 ? last + 1 : undefined).slice(0, limit);
      for (const delegation of next.reverse()) ahead.push({ role: delegation.role, load: () => this.#load(delegation) });
    }
    return undefined;
  }

  #indexOf(delegations: Delegations): DelegationIndex {
    let index = this.#indexes.get(delegations);
    if (!index) {
      index = new DelegationIndex(delegations);
      this.#indexes.set(delegations, index);
    }
    return index;
  }

  #load(delegation: Delegation): Targets | Promise<Targets> {
    const { role } = delegation;
    const verified = this.#verified.get(role);
    if (verified?.delegation === delegation) return verified.targets;
    const loading = this.#update(delegation);
    const entry: Verified = { delegation, targets: loading };
    this.#verified.set(role, entry);
    loading.then(
      (targets) => {
        entry.targets = targets;
      },
      // The next search may find the server honest again.
      () => this.#verified.get(role) === entry && this.#verified.delete(role),
    );
    return loading;
  }

  /** Specification 5.6.1 to 5.6.6, from the store when that has what the snapshot lists. */
  async #update(delegation: Delegation): Promise<Targets> {
    const { role } = delegation;
    const { version, length } = this.trusted.listed(role);
    const take = (bytes: Uint8Array) => this.trusted.verifyDelegated(bytes, delegation);
    const bytes = await this.#store.loadRole(role);
    const stored = bytes && (await unlessRefused(() => take(bytes)));
    if (stored) return stored;
    const { targetsLength } = this.#refresher.limits;
    const targets = await this.#refresher.metadata.first({
      name: metadataName(role, this.trusted.root.consistentSnapshot ? version : undefined),
      facts: { role, version },
      maxLength: Math.min(length ?? targetsLength, targetsLength),
      take,
    });
    await this.#store.saveRole(role, targets.bytes);
    return targets;
  }
}

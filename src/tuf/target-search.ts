import { DelegationIndex } from './delegation-index.js';
import type { Delegation, Delegations } from './delegations.js';
import type { TargetFile } from './file.js';
import { metadataName } from './layout.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { Mirrors } from './mirrors.js';
import { accepted, type UpdaterOptions } from './refresher.js';
import type { Targets } from './targets.js';
import type { TrustedMetadata } from './trusted-metadata.js';

/** A role on the way of a search. */
interface Visit {
  readonly role: string;
  load(): Promise<Targets>;
}

/** The search for targets among the roles that the top-level targets delegate to (specification 5.6.7), under one set of trusted metadata. */
export class TargetSearch {
  /** What it searches. */
  readonly trusted: TrustedMetadata;
  readonly #options: UpdaterOptions;
  readonly #limits: Limits;
  readonly #metadata: Mirrors;
  readonly #indexes = new Map<Delegations, DelegationIndex>();
  /** By delegation, not by name: what one delegation vouches for, another of the same name need not. */
  readonly #verified = new Map<Delegation, Promise<Targets>>();

  /**
   * @param trusted with targets, from a refresh
   * @param options those of the refresh
   */
  constructor(trusted: TrustedMetadata, options: UpdaterOptions) {
    this.trusted = trusted;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#metadata = new Mirrors(options.metadataUrl, options.fetch, this.#limits, options.onMirrorFailure);
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
    const visited = new Set<string>();
    let ahead: Visit[] = [{ role: 'targets', load: async () => targets }];
    for (let visit = ahead.pop(); visit && visited.size <= this.#limits.delegations; visit = ahead.pop()) {
      if (visited.has(visit.role)) continue;
      visited.add(visit.role);
      const { files, delegations } = await visit.load();
      const file = files.get(path);
      if (file) return file;
      const matching = delegations ? this.#indexOf(delegations).matching(path) : [];
      const last = matching.findIndex(({ isTerminating }) => isTerminating);
      // Nothing that comes after a terminating delegation is searched, neither beside it nor further up (5.6.7.2.3).
      if (last >= 0) ahead = [];
      const next = matching.slice(0, last >= 0 ? last + 1 : undefined).slice(0, this.#limits.delegations);
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

  #load(delegation: Delegation): Promise<Targets> {
    let loading = this.#verified.get(delegation);
    if (!loading) {
      loading = this.#update(delegation);
      this.#verified.set(delegation, loading);
      // The next search may find the server honest again.
      loading.catch(() => this.#verified.delete(delegation));
    }
    return loading;
  }

  /** Specification 5.6.1 to 5.6.6, from the store when that has what the snapshot lists. */
  async #update(delegation: Delegation): Promise<Targets> {
    const { store } = this.#options;
    const { role } = delegation;
    const { version, length } = this.trusted.listed(role);
    const take = (bytes: Uint8Array) => this.trusted.verifyDelegated(bytes, delegation);
    const stored = await store.loadRole(role);
    if (stored) {
      const verifying = take(stored);
      if (await accepted(verifying)) return verifying;
    }
    const { targetsLength } = this.#limits;
    const targets = await this.#metadata.first({
      name: metadataName(role, this.trusted.root.consistentSnapshot ? version : undefined),
      facts: { role, version },
      maxLength: Math.min(length ?? targetsLength, targetsLength),
      take,
    });
    await store.saveRole(role, targets.bytes);
    return targets;
  }
}

import { VouchsafeError } from './errors.js';
import { asArray, asInteger, asObject, asString } from './fields.js';
import { toHex } from './hex.js';
import type { JsonObject, JsonValue } from './json.js';
import { type Key, parseKeys } from './key.js';
import { parseRoleKeys, type RoleKeys } from './metadata.js';
import { matchesPattern } from './path-pattern.js';
import { isTopLevelRole } from './root.js';

/** Who may sign for a delegated role. One object for each delegation: what was verified by one is not verified by another of the same name. */
export interface Delegation extends RoleKeys {
  readonly role: string;
  /** The delegator's keys by keyid. */
  readonly keys: ReadonlyMap<string, Key>;
  /** Whether the search for a path that this delegation matches ends with this role and those behind it. */
  readonly isTerminating: boolean;
}

/** A delegation and its place in the order of priority. */
interface Ranked {
  readonly rank: number;
  readonly delegation: Delegation;
}

/** A role of targets metadata delegates paths to others (specification 4.5). */
export class Delegations {
  readonly #byPattern: (Ranked & { readonly patterns: readonly string[] })[] = [];
  /** By prefix of the path's hash, so that a search among thousands of bins does not look at each. */
  readonly #byHashPrefix = new Map<string, Ranked[]>();
  readonly #bins: HashBins | undefined;

  /**
   * @param value the field `delegations`
   * @throws `malformed`
   */
  constructor(value: JsonValue) {
    const object = asObject(value, 'delegations');
    const keys = parseKeys(object.keys);
    if ((object.roles === undefined) === (object.succinct_roles === undefined)) {
      throw new VouchsafeError('malformed', 'Delegations must have either "roles" or "succinct_roles".');
    }
    if (object.succinct_roles !== undefined) this.#bins = new HashBins(asObject(object.succinct_roles, 'succinct_roles'), keys);
    const names = new Set<string>();
    for (const [rank, item] of (object.roles === undefined ? [] : asArray(object.roles, 'roles')).entries()) {
      const role = asObject(item, 'role');
      const delegation = parseDelegation(role, keys);
      if (names.has(delegation.role))
        throw new VouchsafeError('malformed', 'Delegations name a role twice.', { role: delegation.role });
      names.add(delegation.role);
      this.#add({ rank, delegation }, role);
    }
  }

  /**
   * The delegations whose paths a target path is among (specification 5.6.7.2).
   *
   * @param path target path
   * @returns in order of priority
   */
  async matching(path: string): Promise<Delegation[]> {
    const found: Ranked[] = this.#byPattern.filter(({ patterns }) => patterns.some((pattern) => matchesPattern(path, pattern)));
    if (!this.#bins && this.#byHashPrefix.size === 0) return found.map(({ delegation }) => delegation);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(path)));
    if (this.#bins) return [this.#bins.binOf(hash)];
    const hex = toHex(hash);
    for (let end = 0; end <= hex.length; end++) found.push(...(this.#byHashPrefix.get(hex.slice(0, end)) ?? []));
    return [...new Set(found.sort((a, b) => a.rank - b.rank).map(({ delegation }) => delegation))];
  }

  #add(ranked: Ranked, { paths, path_hash_prefixes: prefixes }: JsonObject): void {
    if ((paths === undefined) === (prefixes === undefined)) {
      throw new VouchsafeError('malformed', 'A delegation must have either "paths" or "path_hash_prefixes".', {
        role: ranked.delegation.role,
      });
    }
    if (paths !== undefined) {
      this.#byPattern.push({ ...ranked, patterns: asArray(paths, 'paths').map((pattern) => asString(pattern, 'path')) });
      return;
    }
    for (const item of asArray(prefixes, 'path_hash_prefixes')) {
      const prefix = asString(item, 'path_hash_prefix');
      const others = this.#byHashPrefix.get(prefix);
      if (others) others.push(ranked);
      else this.#byHashPrefix.set(prefix, [ranked]);
    }
  }
}

/** Succinct hash bin delegations (TAP 15): 2^bit_length roles that share their keys, each for the paths whose hash begins with its number. */
class HashBins {
  readonly #shared: Omit<Delegation, 'role'>;
  readonly #prefix: string;
  readonly #bits: number;
  readonly #bins = new Map<number, Delegation>();

  constructor(object: JsonObject, keys: Delegation['keys']) {
    // Whether such a delegation is terminating does not matter: there is no other one beside it.
    this.#shared = { ...parseRoleKeys(object), keys, isTerminating: true };
    this.#prefix = asString(object.name_prefix, 'name_prefix');
    this.#bits = asInteger(object.bit_length, 'bit_length', 1);
    if (this.#bits > 32) throw new VouchsafeError('malformed', '"bit_length" must be at most 32.');
  }

  /** @param hash SHA-256 of a target path */
  binOf(hash: Uint8Array): Delegation {
    const number = Math.floor(Number.parseInt(toHex(hash.subarray(0, 4)), 16) / 2 ** (32 - this.#bits));
    let bin = this.#bins.get(number);
    if (!bin) {
      bin = { ...this.#shared, role: binName(this.#prefix, this.#bits, number) };
      this.#bins.set(number, bin);
    }
    return bin;
  }
}

/**
 * @param prefix `name_prefix`
 * @param bits `bit_length`
 * @param number of the bin, from 0
 * @returns the role name of a hash bin (TAP 15)
 */
export function binName(prefix: string, bits: number, number: number): string {
  return `${prefix}-${number.toString(16).padStart(Math.ceil(bits / 4), '0')}`;
}

function parseDelegation(object: JsonObject, keys: Delegation['keys']): Delegation {
  const role = asString(object.name, 'name');
  // Such a role's metadata would take the place of the top-level one's.
  if (role === '' || isTopLevelRole(role)) {
    throw new VouchsafeError('malformed', 'A delegated role cannot have this name.', { role });
  }
  const { terminating } = object;
  if (typeof terminating !== 'boolean') throw new VouchsafeError('malformed', '"terminating" must be true or false.', { role });
  return { ...parseRoleKeys(object), role, keys, isTerminating: terminating };
}

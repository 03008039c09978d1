import { VouchsafeError } from './errors.js';
import { asArray, asInteger, asObject, asString } from './fields.js';
import type { JsonObject, JsonValue } from './json.js';
import { type Key, parseKeys } from './key.js';
import { MAX_PATH_LENGTH } from './layout.js';
import { parseRoleKeys, type RoleKeys } from './metadata.js';
import { isTopLevelRole } from './root.js';

/** Who may sign for a delegated role. One object for each delegation: what was verified by one is not verified by another of the same name. */
export interface Delegation extends RoleKeys {
  readonly role: string;
  /** The delegator's keys by keyid. */
  readonly keys: ReadonlyMap<string, Key>;
  /** Whether the search for a path that this delegation matches ends with this role and those behind it. */
  readonly isTerminating: boolean;
}

/** A delegation and its paths. */
export interface PathDelegation extends Delegation {
  /** Patterns of target paths. */
  readonly patterns: readonly string[];
  /** Beginnings of the hex SHA-256 of target paths. Empty when there are patterns, and the other way round. */
  readonly hashPrefixes: readonly string[];
}

/** Succinct hash bin delegations (TAP 15): 2^`bitLength` roles that share their keys, each for the paths whose hash begins with its number. */
export interface HashBins {
  readonly shared: Omit<Delegation, 'role'>;
  readonly namePrefix: string;
  readonly bitLength: number;
}

/** What a role of targets metadata leaves to others (specification 4.5): to some roles, or to hash bins. */
export interface Delegations {
  /** In order of priority. */
  readonly roles: readonly PathDelegation[];
  readonly bins: HashBins | undefined;
}

/**
 * @param value the field `delegations`
 * @throws `malformed`
 */
export function parseDelegations(value: JsonValue): Delegations {
  const { keys: keyObjects, roles, succinct_roles: succinct } = asObject(value, 'delegations');
  const keys = parseKeys(keyObjects);
  if ((roles === undefined) === (succinct === undefined))
    throw malformed('Delegations must have either "roles" or "succinct_roles".');
  if (succinct !== undefined) return { roles: [], bins: parseHashBins(asObject(succinct, 'succinct_roles'), keys) };
  const names = new Set<string>();
  const parsed = asArray(roles, 'roles').map((item) => {
    const delegation = parseDelegation(asObject(item, 'role'), keys);
    if (names.has(delegation.role)) throw malformed('Delegations name a role twice.', delegation.role);
    names.add(delegation.role);
    return delegation;
  });
  return { roles: parsed, bins: undefined };
}

function parseDelegation(object: JsonObject, keys: Delegation['keys']): PathDelegation {
  const role = asString(object.name, 'name');
  // Such a role's metadata would take the place of the top-level one's.
  if (role === '' || role.length > MAX_PATH_LENGTH || isTopLevelRole(role)) {
    throw malformed('A delegated role cannot have this name.', role.slice(0, MAX_PATH_LENGTH));
  }
  const { terminating, paths, path_hash_prefixes: prefixes } = object;
  if (typeof terminating !== 'boolean') throw malformed('"terminating" must be true or false.', role);
  if (paths !== undefined && prefixes !== undefined) {
    throw malformed('A delegation cannot have both "paths" and "path_hash_prefixes".', role);
  }
  return {
    ...parseRoleKeys(object),
    role,
    keys,
    isTerminating: terminating,
    patterns: texts(paths, 'paths'),
    hashPrefixes: texts(prefixes, 'path_hash_prefixes'),
  };
}

function parseHashBins(object: JsonObject, keys: Delegation['keys']): HashBins {
  const bitLength = asInteger(object.bit_length, 'bit_length', 1);
  if (bitLength > 32) throw malformed('"bit_length" must be at most 32.');
  // Nobody else is left the path, so nobody else is asked, as in the reference client.
  const shared = { ...parseRoleKeys(object), keys, isTerminating: true };
  return { shared, namePrefix: asString(object.name_prefix, 'name_prefix'), bitLength };
}

/** A list that may be missing: then the delegation is for no path. */
function texts(value: JsonValue | undefined, name: string): string[] {
  return value === undefined ? [] : asArray(value, name).map((item) => asString(item, name));
}

function malformed(message: string, delegatedRole?: string): VouchsafeError {
  return new VouchsafeError('malformed', message, delegatedRole === undefined ? {} : { actual: delegatedRole });
}

import { binName, DelegationIndex } from '../tuf/delegation-index.js';
import { parseDelegations } from '../tuf/delegations.js';
import type { TargetFile } from '../tuf/file.js';
import type { JsonObject } from '../tuf/json.js';
import { describeKeys, type RoleDefinition } from './root.js';

/** Which paths are left to a role, and who may sign for it. */
export interface DelegationDefinition extends RoleDefinition {
  readonly name: string;
  /** Patterns of target paths, or prefixes of the hex SHA-256 of target paths. */
  readonly paths: readonly string[] | { readonly hashPrefixes: readonly string[] };
  /** Whether nobody behind this role is asked for such a path; default no. */
  readonly isTerminating?: boolean;
}

/** Hash bins: 2^`bitLength` roles that share their keys (TAP 15). */
export interface HashBinsDefinition extends RoleDefinition {
  /** The roles are called this, a dash, and a hexadecimal number. */
  readonly namePrefix: string;
  /** 1 to 32. */
  readonly bitLength: number;
}

/**
 * Makes the field `delegations` of targets metadata (specification 4.5).
 *
 * @param definitions in order of priority
 * @throws `malformed` for a name that no delegated role may have, or that stands twice
 */
export function describeDelegations(definitions: readonly DelegationDefinition[]): JsonObject {
  const roles = definitions.map(({ name, keys, threshold, paths, isTerminating = false }) => ({
    name,
    keyids: keys.map(({ keyid }) => keyid),
    threshold,
    terminating: isTerminating,
    ...('hashPrefixes' in paths ? { path_hash_prefixes: [...paths.hashPrefixes] } : { paths: [...paths] }),
  }));
  return checked({ keys: describeKeys(definitions), roles });
}

/**
 * The same for hash bins.
 *
 * @param definition the bins' keys, threshold, names and number
 * @throws `malformed` when there are less than 2 or more than 2^32
 */
export function describeHashBins(definition: HashBinsDefinition): JsonObject {
  const { keys, threshold, namePrefix, bitLength } = definition;
  const keyids = keys.map(({ keyid }) => keyid);
  const succinct = { keyids, threshold, name_prefix: namePrefix, bit_length: bitLength };
  return checked({ keys: describeKeys([definition]), succinct_roles: succinct });
}

/**
 * Sorts files into hash bins.
 *
 * @param definition see `describeHashBins`
 * @param files every target
 * @returns each bin's files by role name; a bin without files has to be published too
 * @throws `malformed` as `describeHashBins` does; RangeError for more bins than anyone could publish
 */
export function sortIntoBins(definition: HashBinsDefinition, files: readonly TargetFile[]): Map<string, TargetFile[]> {
  const index = new DelegationIndex(parseDelegations(describeHashBins(definition)));
  const { namePrefix, bitLength } = definition;
  if (bitLength > 20) throw new RangeError('More than a million bins cannot be published.');
  const bins = new Map<string, TargetFile[]>();
  for (let number = 0; number < 2 ** bitLength; number++) bins.set(binName(namePrefix, bitLength, number), []);
  for (const file of files) {
    for (const { role } of index.matching(file.path)) bins.get(role)?.push(file);
  }
  return bins;
}

/** What a client would refuse is not signed. */
function checked(delegations: JsonObject): JsonObject {
  parseDelegations(delegations);
  return delegations;
}

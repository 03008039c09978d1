import { VouchsafeError } from './errors.js';
import { asObject } from './fields.js';
import { type Key, parseKeys } from './key.js';
import { Metadata, parseRoleKeys, type RoleKeys, verifySignatures } from './metadata.js';

/** The top-level roles, which every repository has. */
export type TopLevelRole = 'root' | 'timestamp' | 'snapshot' | 'targets';

const TOP_LEVEL_ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];

/** @param role any role's name */
export function isTopLevelRole(role: string): role is TopLevelRole {
  return (TOP_LEVEL_ROLES as readonly string[]).includes(role);
}

/** Root metadata (specification 4.3): who may sign for each top-level role. */
export class Root extends Metadata {
  /** Whether file names carry the version (metadata) or hash (targets). */
  readonly consistentSnapshot: boolean;
  readonly #keys: ReadonlyMap<string, Key>;
  readonly #roles = new Map<TopLevelRole, RoleKeys>();

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, 'root');
    const { consistent_snapshot: consistent = false, keys, roles } = this.signed;
    if (typeof consistent !== 'boolean') throw new VouchsafeError('malformed', '"consistent_snapshot" must be true or false.');
    this.consistentSnapshot = consistent;
    this.#keys = parseKeys(keys);
    const table = asObject(roles, 'roles');
    for (const role of TOP_LEVEL_ROLES) this.#roles.set(role, parseRoleKeys(table[role]));
  }

  /**
   * Checks that a threshold of the keys this root trusts for a role have signed the metadata. It needs nothing else: a release that
   * was verified under an older root can be checked again under the newest one with it.
   *
   * @param role a top-level role
   * @param metadata the role's metadata
   * @throws `unsigned`
   */
  async verify(role: TopLevelRole, metadata: Metadata): Promise<void> {
    await verifySignatures(metadata, role, this.#keys, this.keysOf(role));
  }

  /**
   * Whether a key that this root trusts for a role is gone in the next root: then what the role has signed may be the work of whoever
   * stole that key (specification 5.3.11).
   *
   * @param role a top-level role
   * @param next the root that follows
   * @returns true when at least one key is gone; new keys and renamed ones are no reason
   */
  losesKey(role: TopLevelRole, next: Root): boolean {
    const kept = next.#identities(role);
    return [...this.#identities(role)].some((identity) => !kept.has(identity));
  }

  #identities(role: TopLevelRole): Set<string | undefined> {
    return new Set(this.keysOf(role).keyids.flatMap((keyid) => this.#keys.get(keyid)?.identity ?? []));
  }

  /** @returns who may sign for a top-level role, and how many of them it takes */
  keysOf(role: TopLevelRole): RoleKeys {
    return this.#roles.get(role) as RoleKeys;
  }
}

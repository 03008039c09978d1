import { formatDate } from '../tuf/fields.js';
import type { JsonObject } from '../tuf/json.js';
import { Root, type TopLevelRole } from '../tuf/root.js';
import { nextVersion, SPEC_VERSION, signMetadata } from './sign.js';
import type { PublicKey, Signer } from './signer.js';

/** Who may sign for a role, and how many of them it takes. */
export interface RoleDefinition {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

/** Every top-level role's keys. */
export type RoleDefinitions = Readonly<Record<TopLevelRole, RoleDefinition>>;

/**
 * Makes version 1 of the root metadata (specification 4.3), with consistent snapshots.
 *
 * @param roles each role's keys and threshold
 * @param signers enough of the root role's signers
 * @param expires milliseconds since 1970
 * @returns the document
 * @throws `unsigned` when the signers do not reach the root role's threshold
 */
export async function firstRoot(roles: RoleDefinitions, signers: readonly Signer[], expires: number): Promise<Uint8Array> {
  const bytes = await signMetadata(
    {
      _type: 'root',
      spec_version: SPEC_VERSION,
      version: 1,
      expires: formatDate(expires),
      consistent_snapshot: true,
      ...describeRoles(roles),
    },
    signers,
  );
  const root = new Root(bytes);
  await root.verify('root', root);
  return bytes;
}

/**
 * Makes the next version of the root metadata (specification 5.3.4, 6.1): other keys or thresholds, or only a later expiry date. Roles that
 * are not named, and fields this code does not know, stay as they are.
 *
 * @param previous the current root's bytes
 * @param changes the roles that change
 * @param signers enough of the root signers of the previous root and enough of the next one's
 * @param expires milliseconds since 1970
 * @returns the document
 * @throws `unsigned` when the signers do not reach both thresholds; `malformed`, `unsupported` for the previous root
 */
export async function nextRoot(
  previous: Uint8Array,
  changes: Partial<RoleDefinitions>,
  signers: readonly Signer[],
  expires: number,
): Promise<Uint8Array> {
  const before = new Root(previous);
  const changed = describeRoles(changes);
  const roles = { ...(before.signed.roles as JsonObject), ...changed.roles };
  const all: JsonObject = { ...(before.signed.keys as JsonObject), ...changed.keys };
  const used = new Set(Object.values(roles).flatMap((role) => (role as { keyids: string[] }).keyids));
  const keys = Object.fromEntries(Object.entries(all).filter(([keyid]) => used.has(keyid)));
  const bytes = await signMetadata(
    { ...before.signed, version: nextVersion(before), expires: formatDate(expires), keys, roles },
    signers,
  );
  const after = new Root(bytes);
  await before.verify('root', after);
  await after.verify('root', after);
  return bytes;
}

/**
 * @param definitions roles
 * @returns their key objects by keyid, each once
 */
export function describeKeys(definitions: readonly RoleDefinition[]): JsonObject {
  return Object.fromEntries(definitions.flatMap(({ keys }) => keys.map(({ keyid, key }) => [keyid, key])));
}

function describeRoles(roles: Partial<RoleDefinitions>): { keys: JsonObject; roles: JsonObject } {
  const described: JsonObject = {};
  for (const [role, { keys, threshold }] of Object.entries(roles)) {
    described[role] = { keyids: keys.map(({ keyid }) => keyid), threshold };
  }
  return { keys: describeKeys(Object.values(roles)), roles: described };
}

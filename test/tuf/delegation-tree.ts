import { SPEC_VERSION, signMetadata } from '../../src/repository/sign.js';
import type { Signer } from '../../src/repository/signer.js';
import { describe } from '../../src/tuf/file.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { targetLocation } from '../../src/tuf/layout.js';
import type { Updater } from '../../src/tuf/updater.js';
import { type RepositorySimulator, signedPart, utf8 } from '../repository-simulator.js';

/** The delegated roles of the trees here expire then: between the simulator's snapshot and its targets. */
export const ROLE_EXPIRES = '2030-03-01T00:00:00Z';

/** A delegation as its delegator writes it. */
export interface Delegate {
  readonly name: string;
  readonly signers: readonly Signer[];
  /** All of them by default. */
  readonly threshold?: number;
  /** `*` by default. */
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
}

/** The field `delegations` of a role that delegates to these, in this order. */
export function delegateTo(...roles: readonly Delegate[]): { delegations: JsonObject } {
  const signers = roles.flatMap((role) => role.signers);
  return {
    delegations: {
      keys: Object.fromEntries(signers.map(({ keyid, key }) => [keyid, key])),
      roles: roles.map(({ name, signers, threshold = signers.length, paths = ['*'], terminating = false }) => ({
        name,
        keyids: signers.map(({ keyid }) => keyid),
        threshold,
        paths: [...paths],
        terminating,
      })),
    },
  };
}

/** A delegated role's metadata, by whoever holds these keys. */
export async function roleMetadata(
  version: number,
  files: Record<string, string>,
  signers: readonly Signer[],
  more: JsonObject = {},
): Promise<Uint8Array> {
  const signed = { _type: 'targets', spec_version: SPEC_VERSION, version, expires: ROLE_EXPIRES };
  return signMetadata({ ...signed, ...(await list(files)), ...more }, signers);
}

/** The field `targets` of a role that lists these files. */
export async function list(files: Record<string, string>): Promise<{ targets: JsonObject }> {
  const entries = Object.entries(files).map(async ([path, text]) => {
    const { length, hashes } = await describe(utf8(text));
    return [path, { length, hashes: { ...hashes } }] as const;
  });
  return { targets: Object.fromEntries(await Promise.all(entries)) };
}

/** What a snapshot lists of a role: its version, and its length and hash too or not. */
export async function listed(bytes: Uint8Array, how: 'by hash' | 'by version'): Promise<JsonObject> {
  const { length, hashes } = await describe(bytes);
  return { version: signedPart(bytes).version as number, ...(how === 'by hash' && { length, hashes: { ...hashes } }) };
}

/**
 * Publishes new top-level targets and delegated roles. All other metadata gets its next version, signed by its own keys.
 *
 * @param repository where
 * @param targets fields of the top-level targets to replace
 * @param roles delegated roles' metadata by name; those published before stay listed
 * @param how what the snapshot lists of them
 */
export async function publishTree(
  repository: RepositorySimulator,
  targets: JsonObject,
  roles: Readonly<Record<string, Uint8Array>>,
  how: 'by hash' | 'by version' = 'by hash',
): Promise<void> {
  const version = (signedPart(repository.current('timestamp')).version as number) + 1;
  const top = await repository.forge('targets', { version, ...targets });
  const meta: JsonObject = {
    ...(signedPart(repository.current('snapshot')).meta as JsonObject),
    'targets.json': await listed(top, how),
  };
  for (const [name, bytes] of Object.entries(roles)) {
    meta[`${name}.json`] = await listed(bytes, how);
    repository.put(`${signedPart(bytes).version}.${encodeURIComponent(name)}.json`, bytes);
  }
  const snapshot = await repository.forge('snapshot', { version, meta });
  const timestamp = await repository.forge('timestamp', { version, meta: { 'snapshot.json': await listed(snapshot, how) } });
  await repository.serve({ targets: top, snapshot, timestamp });
}

/** What a client gets of a path, found and downloaded; undefined when nothing lists it. */
export async function fetchText(client: Updater, path: string): Promise<string | undefined> {
  const target = await client.findTarget(path);
  return target && new TextDecoder().decode(await client.downloadTarget(target));
}

/** Puts these files on the server under the names that clients ask for. */
export async function putFiles(repository: RepositorySimulator, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const bytes = utf8(text);
    repository.files.set(`/targets/${targetLocation({ path, ...(await describe(bytes)) }, true)}`, bytes);
  }
}

/** The delegated roles whose metadata was asked for, in order, as their names are on the wire. */
export function rolesAsked(repository: RepositorySimulator): string[] {
  const names = repository.requests.map((path) => /^\/metadata\/\d+\.(.+)\.json$/.exec(path)?.[1] ?? '');
  return names.filter((name) => !['', 'root', 'snapshot', 'targets'].includes(name));
}

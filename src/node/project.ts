import { join, resolve } from 'node:path';
import { ed25519Signer, type Signer } from '../repository/signer.js';
import { VouchsafeError } from '../tuf/errors.js';
import { asObject } from '../tuf/fields.js';
import { parseRoleKeys } from '../tuf/metadata.js';
import type { Root } from '../tuf/root.js';
import { TrustedMetadata } from '../tuf/trusted-metadata.js';
import { isKeyFileName, readKeyFile } from './key-file.js';
import { PublisherError } from './publisher-error.js';
import { namesIn, readRoots } from './repository-directory.js';

/** The project folder's name, unless another is given. */
export const DEFAULT_PROJECT = 'vouchsafe';

/** Where things are in a project folder. */
export interface ProjectFolders {
  /** As given, for messages. */
  readonly name: string;
  readonly folder: string;
  /** Private keys: secret, never committed. */
  readonly keys: string;
  /** Root metadata, one file a version: public, committed. */
  readonly root: string;
}

/** A project folder whose root metadata has been checked. */
export interface Project extends ProjectFolders {
  /** Every root version as signed, from the first. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** The newest one. */
  readonly newest: Root;
}

/**
 * @param project the project folder
 * @returns where things are in it
 */
export function projectFolders(project: string = DEFAULT_PROJECT): ProjectFolders {
  const folder = resolve(project);
  return { name: project, folder, keys: join(folder, 'keys'), root: join(folder, 'root') };
}

/**
 * Opens a project and follows its root metadata from the first to the newest version, as every client will (specification 5.3).
 *
 * @param folders from `projectFolders`
 * @param now milliseconds since 1970
 * @throws `no-project`, or `bad-project` when a client would not follow the chain or its end has expired
 */
export async function openProject(folders: ProjectFolders, now: number): Promise<Project> {
  const roots = await readRoots(folders.root);
  const first = roots.get(1);
  if (first === undefined) {
    throw new PublisherError(
      'no-project',
      `There is no project in ${folders.name} (no root/1.root.json); run: ${initCommand(folders)}`,
    );
  }
  const missing = (await namesIn(folders.root)).find(
    (name) => /^\d+\.root\.json$/.test(name) && !roots.has(Number.parseInt(name, 10)),
  );
  if (missing !== undefined) {
    throw new PublisherError(
      'bad-project',
      `${folders.name}/root has ${missing} but not the version before it; restore the missing file.`,
    );
  }
  let reading = 1;
  try {
    const trusted = await TrustedMetadata.fromRoot(first, now);
    for (const [version, bytes] of roots) {
      reading = version;
      if (version > 1) await trusted.loadRoot(bytes);
    }
    trusted.checkExpiry('root');
    return { ...folders, roots, newest: trusted.root };
  } catch (error) {
    if (!(error instanceof VouchsafeError)) throw error;
    const what = `${folders.name}/root/${reading}.root.json`;
    const message =
      error.code === 'expired'
        ? `The root metadata ${what} has expired, so no client accepts anything; add a next version signed by the root keys.`
        : `No client would accept the root metadata ${what}: ${error.message}`;
    throw new PublisherError('bad-project', message, error);
  }
}

/** The roles that a publish signs. Root is signed by `init` only, so its keys need not be there. */
const PUBLISHING_ROLES = ['targets', 'snapshot', 'timestamp'] as const;

/** Keys for the roles that a publish signs. */
export type PublishingSigners = { readonly [Role in (typeof PUBLISHING_ROLES)[number]]: Signer[] };

/**
 * Reads the private keys that the newest root trusts. Which role a key signs for is decided by the root metadata alone, not by file names.
 *
 * @param project an open project
 * @returns for each role the keys that are there, at least its threshold
 * @throws `no-project` without keys, `bad-key` when a role has fewer than its threshold, or a file is damaged or open to others
 */
export async function loadSigners(project: Project): Promise<PublishingSigners> {
  const names = (await namesIn(project.keys)).filter(isKeyFileName);
  if (names.length === 0) {
    throw new PublisherError(
      'no-project',
      `There are no private keys in ${project.name}/keys; restore them from your backup, or for a new project run: ${initCommand(project)}`,
    );
  }
  const signers = await Promise.all(names.map(async (name) => ed25519Signer(await readKeyFile(join(project.keys, name)))));
  const entries = PUBLISHING_ROLES.map((role) => {
    const { keyids, threshold } = parseRoleKeys(asObject(project.newest.signed.roles, 'roles')[role]);
    const found = [
      ...new Map(signers.filter((signer) => keyids.includes(signer.keyid)).map((signer) => [signer.keyid, signer])).values(),
    ];
    if (found.length < threshold) {
      throw new PublisherError(
        'bad-key',
        `The role ${role} needs ${plural(threshold, 'key')} to sign, but ${project.name}/keys holds ${found.length} of them.`,
      );
    }
    return [role, found] as const;
  });
  return Object.fromEntries(entries) as PublishingSigners;
}

/**
 * @param count how many
 * @param noun in the singular
 * @returns such as `1 file` or `2 files`
 */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function initCommand({ name }: ProjectFolders): string {
  return name === DEFAULT_PROJECT ? 'npx vouchsafe init' : `npx vouchsafe init --project ${name}`;
}

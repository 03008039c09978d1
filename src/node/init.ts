import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstRoot } from '../repository/root.js';
import { ed25519Signer, type Signer } from '../repository/signer.js';
import { generateSeed } from '../tuf/ed25519-sign.js';
import type { TopLevelRole } from '../tuf/root.js';
import { expiry } from './expiry.js';
import { keyFileName, writeKeyFile } from './key-file.js';
import { type ProjectFolders, projectFolders } from './project.js';
import { isSystemError, PublisherError } from './publisher-error.js';

/** How many keys a role has, and how many of them must sign. */
export interface RoleThreshold {
  readonly threshold: number;
  readonly keys: number;
}

/** What to make. */
export interface InitOptions {
  /** Project folder; `vouchsafe` by default. */
  readonly project?: string | undefined;
  /** Roles with other than one key. */
  readonly roles?: { readonly [Role in TopLevelRole]?: RoleThreshold } | undefined;
  /** Seconds that the root lives. */
  readonly rootExpiry?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** What was made. */
export interface InitReport {
  readonly project: ProjectFolders;
  /** Paths of the private key files, by role. */
  readonly keys: { readonly [Role in TopLevelRole]: readonly string[] };
  /** Path of the first root metadata. */
  readonly root: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expires: number;
}

export const ROLES: readonly TopLevelRole[] = ['root', 'targets', 'snapshot', 'timestamp'];

// A root with hundreds of keys is a slip of the finger, and every client would carry it.
const MAX_KEYS = 32;

/**
 * Makes a project: a key for each role and the first root metadata. Nothing that exists is overwritten.
 *
 * @param options see there
 * @returns what was made
 * @throws `project-exists`, `bad-option`
 */
export async function init(options: InitOptions = {}): Promise<InitReport> {
  const project = projectFolders(options.project);
  const now = (options.now ?? Date.now)();
  for (const [role, { threshold, keys }] of Object.entries(options.roles ?? {})) {
    if (!Number.isInteger(threshold) || !Number.isInteger(keys) || threshold < 1 || threshold > keys || keys > MAX_KEYS) {
      throw new PublisherError(
        'bad-option',
        `The role ${role} cannot be signed by ${threshold} of ${keys} keys; give a threshold from 1 to the number of keys (at most ${MAX_KEYS}).`,
      );
    }
  }
  await makeFolders(project);
  // First the file that keeps the keys out of git, then the keys.
  await writeFile(join(project.folder, '.gitignore'), '# Private keys: never commit them.\nkeys/\n', { flag: 'wx' });
  const made: readonly MadeKeys[] = await Promise.all(
    ROLES.map((role) => makeKeys(project, role, options.roles?.[role] ?? { threshold: 1, keys: 1 })),
  );
  const [root, targets, snapshot, timestamp] = made as [MadeKeys, MadeKeys, MadeKeys, MadeKeys];
  const expires = now + (options.rootExpiry ?? expiry().root) * 1000;
  const path = join(project.root, '1.root.json');
  await writeFile(path, await firstRoot({ root, targets, snapshot, timestamp }, root.keys, expires), { flag: 'wx' });
  return {
    project,
    keys: { root: root.files, targets: targets.files, snapshot: snapshot.files, timestamp: timestamp.files },
    root: path,
    expires,
  };
}

interface MadeKeys {
  readonly keys: readonly Signer[];
  readonly threshold: number;
  readonly files: readonly string[];
}

async function makeKeys(project: ProjectFolders, role: TopLevelRole, { threshold, keys }: RoleThreshold): Promise<MadeKeys> {
  const signers: Signer[] = [];
  const files: string[] = [];
  for (let i = 1; i <= keys; i++) {
    const seed = generateSeed();
    const signer = await ed25519Signer(seed);
    const file = join(project.keys, keyFileName(role, i));
    await writeKeyFile(file, seed, signer.keyid);
    signers.push(signer);
    files.push(file);
  }
  return { keys: signers, threshold, files };
}

async function makeFolders(project: ProjectFolders): Promise<void> {
  for (const part of [project.keys, project.root]) {
    if (await exists(part)) {
      throw new PublisherError(
        'project-exists',
        `There is a project in ${project.name} already (${part}); keys are never overwritten. For another project use --project.`,
      );
    }
  }
  if (await exists(join(project.folder, '.gitignore'))) {
    throw new PublisherError(
      'project-exists',
      `The folder ${project.name} has a .gitignore of its own; use --project with a folder for the keys alone.`,
    );
  }
  try {
    await mkdir(project.folder, { recursive: true });
    await mkdir(project.keys, { mode: 0o700 });
    await mkdir(project.root);
  } catch (error) {
    if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOTDIR')) {
      throw new PublisherError(
        'project-exists',
        `The project folder ${project.name} cannot be made: a file of that name is in the way.`,
        error,
      );
    }
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

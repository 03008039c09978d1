import { PACKS_FOLDER } from '../release/packs.js';
import type { Expiry, MetadataFile } from '../repository/release.js';
import type { TargetFile } from '../tuf/file.js';
import type { Metadata } from '../tuf/metadata.js';
import type { TopLevelRole } from '../tuf/root.js';
import type { PreviousRelease } from './previous-release.js';
import type { Project } from './project.js';

/** A role whose metadata got a new version. */
export interface Bump {
  readonly role: TopLevelRole;
  readonly version: number;
  /** Why, in words. */
  readonly reason: string;
}

/** What a publish did. */
export interface PublishReport {
  readonly out: string;
  /** Version and expiry (milliseconds since 1970) of each role as published now. */
  readonly roles: { readonly [Role in TopLevelRole]: { readonly version: number; readonly expires: number } };
  /** Roles that got a new version, in the order of writing; empty when nothing had to be signed. */
  readonly bumped: readonly Bump[];
  /** Targets, the manifest included, but not the packs, which hold the same once more. */
  readonly files: number;
  /** Their length altogether. */
  readonly bytes: number;
  /** Target paths that are new, differ, or are gone since the previous release. */
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Hidden files that were left out. */
  readonly skipped: readonly string[];
  /** Output files that had to be written. */
  readonly written: number;
  /** What is probably not what was meant, one sentence each. */
  readonly warnings: readonly string[];
}

interface Outcome {
  readonly out: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Seconds. */
  readonly lives: Expiry;
  readonly project: Project;
  readonly previous: PreviousRelease | undefined;
  readonly metadata: readonly MetadataFile[];
  /** Without the packs. */
  readonly targets: readonly TargetFile[];
  readonly written: number;
  readonly skipped: readonly string[];
  readonly warnings: readonly string[];
}

/** Metadata files by the role they belong to. */
const FILES = [
  ['targets', /^\d+\.targets\.json$/],
  ['snapshot', /^\d+\.snapshot\.json$/],
  ['timestamp', /^timestamp\.json$/],
] as const;

/**
 * Sums a publish up.
 *
 * @param outcome what was read, signed and written
 */
export function report(outcome: Outcome): PublishReport {
  const { out, project, previous, metadata, targets, written, skipped, warnings } = outcome;
  const before = new Map([...(previous?.targets.files ?? [])].filter(([path]) => !path.startsWith(PACKS_FOLDER)));
  const now = new Map(targets.map((target) => [target.path, target]));
  const changes = {
    added: [...now.keys()].filter((path) => !before.has(path)),
    changed: [...now.values()]
      .filter(({ path, hashes }) => before.has(path) && before.get(path)?.hashes.sha256 !== hashes.sha256)
      .map(({ path }) => path),
    removed: [...before.keys()].filter((path) => !now.has(path)),
  };
  const bumped: Bump[] = [];
  const role = (name: 'targets' | 'snapshot' | 'timestamp'): { version: number; expires: number } => {
    const pattern = FILES.find(([role]) => role === name)?.[1] as RegExp;
    const file = metadata.find((candidate) => pattern.test(candidate.name));
    if (file === undefined) return pick(previous?.[name] as Metadata);
    bumped.push({ role: name, version: file.version, reason: reasonFor(name, outcome, bumped, changes) });
    return pick(file);
  };
  return {
    out,
    // In the order of writing, which is also that of the reasons: each role's may be the one before.
    roles: { root: pick(project.newest), targets: role('targets'), snapshot: role('snapshot'), timestamp: role('timestamp') },
    bumped,
    files: targets.length,
    bytes: targets.reduce((sum, { length }) => sum + length, 0),
    ...changes,
    skipped,
    written,
    warnings,
  };
}

function pick({ version, expires }: Pick<Metadata, 'version' | 'expires'>): { version: number; expires: number } {
  return { version, expires };
}

/** The reasons that `nextRelease` has, told apart afterwards. */
function reasonFor(
  role: 'targets' | 'snapshot' | 'timestamp',
  { previous, now, lives }: Outcome,
  bumped: readonly Bump[],
  changes: Pick<PublishReport, 'added' | 'changed' | 'removed'>,
): string {
  if (previous === undefined) return 'first release';
  const before = bumped.at(-1);
  if (before !== undefined) return `${before.role} changed`;
  if (role === 'targets' && changes.added.length + changes.changed.length + changes.removed.length > 0) return 'files changed';
  const isHalfOver = previous[role].expires - now <= (lives[role] * 1000) / 2;
  return isHalfOver ? 'half of its life was over' : 'other keys sign it now';
}

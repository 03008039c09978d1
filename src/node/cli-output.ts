import { relative } from 'node:path';
import type { InitReport } from './init.js';
import { plural } from './project.js';
import type { PublishProgress } from './publish.js';
import type { PublishReport } from './publish-report.js';

// Longer lists of files say nothing more on a terminal.
const SHOWN = 5;

/**
 * What `vouchsafe init` prints: what was made, what to do with each part, and what comes next.
 *
 * @param report what was made
 */
export function initText(report: InitReport): string {
  const { project, keys, root, expires } = report;
  const files = Object.values(keys).flat().map(fromHere);
  return `Made the project ${project.name}:

  ${fromHere(root)}  (public; expires ${day(expires)})
${files.map((file) => `  ${file}  (private)`).join('\n')}

Commit        ${fromHere(project.folder)}, all but the keys (its .gitignore leaves them out).
Keep secret   the key files. Who has them can sign what your users run.
Back up       the key files, now, somewhere else. Without the root keys a lost or stolen key cannot be replaced.
Move away     the root keys, to where they are offline: publishing does not need them.

Next: npx vouchsafe publish DIR --out published${project.name === 'vouchsafe' ? '' : ` --project ${project.name}`}
`;
}

/**
 * What `vouchsafe publish` prints.
 *
 * @param report what was published
 * @param out the output folder as given
 */
export function publishText(report: PublishReport, out: string): string {
  const { roles, bumped } = report;
  const lines = [
    bumped.length === 0
      ? `Release ${roles.snapshot.version} stays: no file changed, and no metadata is past half of its life.`
      : `Published release ${roles.snapshot.version} to ${out}: ${plural(report.files, 'file')}, ${size(report.bytes)}.`,
    `${plural(report.written, 'output file')} written, the rest left as it was.`,
    ...bumped.map(({ role, version, reason }) => `  ${role} is now version ${version} (${reason})`),
    ...listed('Added', report.added),
    ...listed('Changed', report.changed),
    ...listed('Removed', report.removed),
    ...listed('Left out because hidden', report.skipped),
    ...(bumped[0]?.reason === 'first release'
      ? [
          `Keep ${out}: the next release goes on from it. Published anew into an empty folder it would be version 1 again, which browsers that have a later one refuse.`,
        ]
      : []),
    bumped[0]?.reason === 'first release' ? 'A new client accepts it.' : 'A new client and one at the previous release accept it.',
    `Publish again before ${day(Math.min(roles.timestamp.expires, roles.snapshot.expires, roles.targets.expires))}, when the first metadata expires; the root expires ${day(roles.root.expires)}.`,
  ];
  return `${lines.join('\n')}\n`;
}

/** One line on a terminal that says how far a publish is. Writes nothing to a file or pipe. (A library would be larger than these lines.) */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #shown = '';

  /** @param stream where people look */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** @param progress how far it is */
  show({ step, bytes, totalBytes }: PublishProgress): void {
    if (!this.#stream.isTTY) return;
    const line = `${step[0]?.toUpperCase()}${step.slice(1)} ${totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes)}% of ${size(totalBytes)}`;
    if (line === this.#shown) return;
    this.#stream.write(`\r\u001b[K${line}`);
    this.#shown = line;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown !== '') this.#stream.write('\r\u001b[K');
    this.#shown = '';
  }
}

function listed(title: string, paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const more = paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '';
  return [`${title}: ${paths.slice(0, SHOWN).join(', ')}${more}`];
}

function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.';
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

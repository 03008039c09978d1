import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Spread, spreadOf } from './pages/statistics.js';

const SIZES = [10, 1000, 100_000];
const FILE_BYTES = 4096;
/** Written by the publishing process when it ends. */
const NOTE_MEMORY = `data:text/javascript,${encodeURIComponent(`import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(process.env.BENCH_MEMORY, String(process.resourceUsage().maxRSS)));`)}`;

export interface PublishOptions {
  /** How often each is measured. */
  readonly rounds: number;
  /** Larger folders are left out. */
  readonly largest: number;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
}

/** What publishing one folder took. */
export interface PublishResult {
  readonly files: number;
  /** `one file changed` goes on from a release that is there. */
  readonly action: 'cold' | 'one file changed';
  /** Milliseconds of the command, with its start. */
  readonly time: Spread;
  /** MiB. */
  readonly peakMemory: Spread;
  /** Milliseconds of `sha256sum` of every file. */
  readonly sha256sum: Spread;
  /** Milliseconds of `cp -r`, which does not wait for the disk: what the file system takes to make as many files. */
  readonly copy: Spread;
  /** Through `sha256sum`. */
  readonly ratio: number;
  /** Goal of the ratio. */
  readonly goal: number;
}

/**
 * Measures `vouchsafe publish` beside `sha256sum` and `cp -r` of the same folder, by turns. All files were written just before, so each reads them
 * from memory; before each run the disk has taken what the ones before it wrote, which is not measured.
 *
 * Needs the built package (`dist`).
 */
export async function runPublishSuite({ rounds, largest, progress }: PublishOptions): Promise<PublishResult[]> {
  const results: PublishResult[] = [];
  for (const files of SIZES) {
    if (files > largest) continue;
    progress(`${files} files`);
    const work = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'));
    try {
      results.push(...(await measureFolder(work, files, rounds, progress)));
    } finally {
      rmSync(work, { recursive: true });
    }
  }
  return results;
}

async function measureFolder(
  work: string,
  files: number,
  rounds: number,
  progress: (text: string) => void,
): Promise<PublishResult[]> {
  const site = join(work, 'site');
  writeSite(site, files);
  const cli = [resolve('dist/node/cli.js')];
  const note = join(work, 'memory');
  const environment = { ...process.env, BENCH_MEMORY: note };
  const run = async (command: string, args: readonly string[]) => {
    await timeOf('sync', [], work, environment);
    return timeOf(command, args, work, environment);
  };
  await run(process.execPath, [...cli, 'init', '--project', 'project']);
  const publish = async (out: string) => {
    const args = ['--import', NOTE_MEMORY, ...cli, 'publish', 'site', '--project', 'project', '--out', out];
    const ms = await run(process.execPath, args);
    return { ms, mib: Number(readFileSync(note, 'utf8')) / 1024 };
  };
  const runs = {
    cold: [] as Awaited<ReturnType<typeof publish>>[],
    warm: [] as Awaited<ReturnType<typeof publish>>[],
    sha: [] as number[],
    copy: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    const out = `out-${round}`;
    runs.cold.push(await publish(out));
    runs.sha.push(await run('sh', ['-c', 'find site -type f -print0 | xargs -0 sha256sum > sums']));
    runs.copy.push(await run('cp', ['-r', 'site', 'copy']));
    rmSync(join(work, 'copy'), { recursive: true });
    writeFileSync(join(site, 'data/0/1.txt'), `changed in round ${round}`);
    runs.warm.push(await publish(out));
    rmSync(join(work, out), { recursive: true });
    const took = Object.entries(runs).map(([name, all]) => {
      const last = all.at(-1);
      return `${name} ${Math.round(typeof last === 'object' ? last.ms : (last ?? 0))} ms`;
    });
    progress(`  round ${round + 1} of ${rounds}: ${took.join(', ')}`);
  }
  const sha256sum = spreadOf(runs.sha);
  const copy = spreadOf(runs.copy);
  return (['cold', 'warm'] as const).flatMap((kind) => {
    const time = spreadOf(runs[kind].map(({ ms }) => ms));
    const peakMemory = spreadOf(runs[kind].map(({ mib }) => mib));
    if (!time || !peakMemory || !sha256sum || !copy) return [];
    const action = kind === 'cold' ? ('cold' as const) : ('one file changed' as const);
    const ratio = time.median / sha256sum.median;
    return [{ files, action, time, peakMemory, sha256sum, copy, ratio, goal: kind === 'cold' ? 1.5 : 0.2 }];
  });
}

function writeSite(site: string, files: number): void {
  const content = Buffer.alloc(FILE_BYTES / 2);
  for (let i = 1; i < files; i++) {
    const folder = join(site, `data/${Math.floor(i / 500)}`);
    if (i === 1 || i % 500 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${i}.txt`), randomFillSync(content).toString('hex'));
  }
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>Site</title>');
}

/** @returns milliseconds from its start to its end @throws Error when it fails */
function timeOf(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', failed);
    child.on('exit', (code) => {
      if (code === 0) done(performance.now() - started);
      else failed(new Error(`${command} ${args.slice(-6).join(' ')} ended with ${code}`));
    });
  });
}

/** @returns a table in Markdown */
export function publishMarkdown(results: readonly PublishResult[]): string {
  const digits = (value: number) => Number(value.toPrecision(3)).toLocaleString('en');
  const spread = ({ median, lower, upper }: Spread, unit: string) =>
    `${digits(median)} ${unit} (${digits(lower)} to ${digits(upper)})`;
  const lines = results.map(({ files, action, time, peakMemory, sha256sum, copy, ratio, goal }) => [
    files.toLocaleString('en'),
    action,
    spread(time, 'ms'),
    spread(sha256sum, 'ms'),
    spread(copy, 'ms'),
    ratio.toFixed(2),
    `${goal}, ${ratio <= goal ? 'met' : 'missed'}`,
    spread(peakMemory, 'MiB'),
  ]);
  const heads = ['files', '', 'publish', 'sha256sum', 'cp -r', 'ratio', 'goal', 'peak memory'];
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

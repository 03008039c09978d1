import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** Milliseconds, over all counted runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** A client took longer than the limit, and was stopped. */
export interface Stopped {
  /** Milliseconds. */
  readonly stoppedAfter: number;
}

/** What a measure came to; undefined when the client was stopped before it. */
export type Outcome = Spread | Stopped | undefined;

/** One line of the table. */
export interface Comparison {
  readonly repository: string;
  readonly measure: string;
  readonly vouchsafe: Outcome;
  readonly 'tuf-js': Outcome;
  /** Median of ours through median of tuf-js's. When tuf-js was stopped, the limit is taken, and the ratio is an upper bound. */
  readonly ratio: number | undefined;
}

/** All that a run has found. */
export interface BenchReport {
  readonly suite: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly node: string };
  readonly rounds: number;
  /** Seconds. */
  readonly limit: number;
  readonly results: readonly Comparison[];
}

/**
 * @param times milliseconds of each run
 * @returns what they have in common, or undefined when there are none
 */
export function spread(times: readonly number[]): Spread | undefined {
  const sorted = [...times].sort((a, b) => a - b);
  const [min, max] = [sorted.at(0), sorted.at(-1)];
  if (min === undefined || max === undefined) return undefined;
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return { median: middle.reduce((sum, time) => sum + time, 0) / middle.length, min, max, runs: sorted.length };
}

/** @returns the line for what two clients took */
export function compare(repository: string, measure: string, ours: Outcome, theirs: Outcome): Comparison {
  const ratio =
    ours && 'median' in ours && theirs ? ours.median / ('median' in theirs ? theirs.median : theirs.stoppedAfter) : undefined;
  return { repository, measure, vouchsafe: ours, 'tuf-js': theirs, ratio };
}

/** @returns where and of what this is measured; a commit with a `+` has changes on top */
export function circumstances(): Pick<BenchReport, 'date' | 'commit' | 'machine'> {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src/tuf') && '+');
  const [first] = cpus();
  const machine = {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  return { date: new Date().toISOString(), commit, machine };
}

/** @returns the report as Markdown */
export function toMarkdown({ date, commit, machine, rounds, limit, results }: BenchReport): string {
  const heads = ['repository', 'measure', 'vouchsafe', 'tuf-js', 'ours / tuf-js'];
  const lines = results.map((line) => [
    line.repository,
    line.measure,
    outcomeInWords(line.vouchsafe),
    outcomeInWords(line['tuf-js']),
    ratioInWords(line),
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const row = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = row(widths.map((width) => '-'.repeat(width)));
  return [
    `${date}, commit ${commit}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}. Medians of up to ${rounds} runs`,
    `(least to most); a run is stopped after ${limit} s.`,
    '',
    row(heads),
    rule,
    ...lines.map(row),
  ].join('\n');
}

function outcomeInWords(outcome: Outcome): string {
  if (!outcome) return 'not reached';
  if ('stoppedAfter' in outcome) return `stopped after ${outcome.stoppedAfter / 1000} s`;
  const { median, min, max } = outcome;
  return `${inUnit(median, median)} ${unit(median)} (${inUnit(min, median)} to ${inUnit(max, median)})`;
}

function ratioInWords({ ratio, 'tuf-js': theirs }: Comparison): string {
  if (ratio === undefined) return '';
  return theirs && 'stoppedAfter' in theirs ? `less than ${ratio.toFixed(2)}` : ratio.toFixed(2);
}

function unit(ms: number): string {
  return ms < 1 ? 'µs' : 'ms';
}

function inUnit(ms: number, like: number): string {
  return (like < 1 ? 1000 * ms : ms).toPrecision(3).replace(/e\+(\d+)$/, (_, power) => `e${power}`);
}

import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

/** What one run took. */
export interface Sample {
  /** Milliseconds by the clock. */
  readonly ms: number;
  /** Milliseconds that processors worked for this process, its other threads included. Other programs on the machine change it less. */
  readonly cpuMs: number;
}

/** Milliseconds, over all counted runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly medianCpu: number;
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
  /** The same of processor time, when neither was stopped. */
  readonly cpuRatio: number | undefined;
}

/** What was measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Operating system and version of its kernel. */
  readonly system: string;
  readonly node: string;
}

/** When, of what and where this was measured. */
export interface Circumstances {
  /** ISO 8601. */
  readonly date: string;
  /** With a `+` when the sources have changes on top of it. */
  readonly commit: string;
  readonly machine: Machine;
}

/** All that a run has found. */
export interface BenchReport extends Circumstances {
  readonly suite: string;
  readonly rounds: number;
  /** Seconds. */
  readonly limit: number;
  readonly results: readonly Comparison[];
}

/** @returns what runs have in common, or undefined when there are none */
export function spread(samples: readonly Sample[]): Spread | undefined {
  const times = samples.map(({ ms }) => ms);
  if (times.length === 0) return undefined;
  const medianCpu = median(samples.map(({ cpuMs }) => cpuMs));
  return { median: median(times), min: Math.min(...times), max: Math.max(...times), medianCpu, runs: times.length };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, number) => sum + number, 0) / middle.length;
}

/** @returns the line for what two clients took */
export function compare(repository: string, measure: string, ours: Outcome, theirs: Outcome): Comparison {
  const line = { repository, measure, vouchsafe: ours, 'tuf-js': theirs };
  if (!ours || !theirs || 'stoppedAfter' in ours) return { ...line, ratio: undefined, cpuRatio: undefined };
  if ('stoppedAfter' in theirs) return { ...line, ratio: ours.median / theirs.stoppedAfter, cpuRatio: undefined };
  return { ...line, ratio: ours.median / theirs.median, cpuRatio: ours.medianCpu / theirs.medianCpu };
}

/** @returns where and of what this is measured */
export function circumstances(): Circumstances {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') && '+');
  const [first] = cpus();
  const machine = {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
  };
  return { date: new Date().toISOString(), commit, machine };
}

/** @returns when, of what and where, in a sentence */
export function machineInWords({ date, commit, machine }: Circumstances): string {
  const { cpu, cores, memoryGiB, system, node } = machine;
  return `${date}, commit ${commit}, ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}.`;
}

/** @returns the report as Markdown */
export function toMarkdown(report: BenchReport): string {
  const { rounds, limit, results } = report;
  const heads = ['repository', 'measure', 'vouchsafe', 'tuf-js', 'ours / tuf-js', 'processor time'];
  const lines = results.map((line) => [
    line.repository,
    line.measure,
    outcomeInWords(line.vouchsafe),
    outcomeInWords(line['tuf-js']),
    ratioInWords(line, line.ratio),
    ratioInWords(line, line.cpuRatio),
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const row = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = row(widths.map((width) => '-'.repeat(width)));
  return [
    `${machineInWords(report)} Medians (least to most) of up to ${rounds} runs; a run is stopped after ${limit} s.`,
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
  return `${inWords(median)} (${inWords(min)} to ${inWords(max)})`;
}

function ratioInWords({ 'tuf-js': theirs }: Comparison, ratio: number | undefined): string {
  if (ratio === undefined) return '';
  return theirs && 'stoppedAfter' in theirs ? `less than ${ratio.toFixed(2)}` : ratio.toFixed(2);
}

/** Everything below a millisecond in microseconds; three digits. */
function inWords(ms: number): string {
  if (ms < 1) return `${Number((1000 * ms).toPrecision(3))} µs`;
  return `${Number(ms.toPrecision(3)).toLocaleString('en')} ms`;
}

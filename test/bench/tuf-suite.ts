import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serveFiles } from '../interop/file-server.js';
import { type Comparison, compare, type Outcome, type Sample, spread } from './report.js';
import { type BenchRepository, binsRepository, flatRepository } from './repositories.js';
import { MEASURES, type Measure, type RunReport, type RunRequest } from './tuf-child.js';
import type { ClientName } from './tuf-clients.js';

const NAMES: readonly ClientName[] = ['vouchsafe', 'tuf-js'];
const LOOKUPS = 10_000;
/** Each run starts without the garbage of the one before. Without the second flag, that would throw compiled code away, too. */
const NODE_FLAGS = ['--expose-gc', '--no-flush-bytecode'];
/** Look-ups go around among so many paths, all loaded. */
const LOOKED_UP = 50;

export interface SuiteOptions {
  /** Counted runs of each client on each repository. One run before them is for the compiler and not counted. */
  readonly rounds: number;
  /** Seconds after which a run is stopped. That client is not asked again on that repository. */
  readonly limit: number;
  /** Repositories with more targets are left out. */
  readonly largest: number;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
}

interface Case {
  readonly make: () => Promise<BenchRepository>;
  readonly targets: number;
  readonly lookups: number;
}

const CASES: readonly Case[] = [
  { make: () => flatRepository(10), targets: 10, lookups: LOOKUPS },
  { make: () => flatRepository(1000), targets: 1000, lookups: LOOKUPS },
  // Here tuf-js gets through its snapshot, so that look-ups in bins can be compared.
  { make: () => binsRepository(1000, 8), targets: 1000, lookups: LOOKUPS },
  { make: () => flatRepository(100_000), targets: 100_000, lookups: LOOKUPS },
  { make: () => binsRepository(100_000, 14), targets: 100_000, lookups: LOOKUPS },
  { make: () => flatRepository(10, 20), targets: 10, lookups: 0 },
];

/**
 * Measures our client and tuf-js side by side. Each client has a process of its own for each repository, and takes turns; this process
 * is the server for both and does nothing else meanwhile.
 *
 * @param options how often and how much
 * @returns a line for each repository and measure
 */
export async function runTufSuite({ rounds, limit, largest, progress }: SuiteOptions): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const { make, targets, lookups } of CASES) {
    if (targets > largest) continue;
    const repository = await make();
    progress(repository.name);
    const server = await serveFiles((path) => repository.files.get(path.slice(1)));
    const runners = NAMES.map((name) => new Runner(name, repository, server.url, lookups, limit * 1000));
    try {
      for (let round = 0; round <= rounds; round++) {
        for (const runner of round % 2 === 0 ? runners : [...runners].reverse()) await runner.run(round);
        progress(`  round ${round} of ${rounds}`);
      }
    } finally {
      for (const runner of runners) runner.stop();
      await server.close();
    }
    const [ours, theirs] = runners;
    if (!ours || !theirs) continue;
    for (const measure of lookups > 0 ? MEASURES : MEASURES.slice(0, 1)) {
      results.push(compare(repository.name, measure, ours.outcome(measure), theirs.outcome(measure)));
    }
  }
  return results;
}

/** One client on one repository, in a process of its own. */
class Runner {
  readonly #request: RunRequest;
  readonly #paths: readonly string[];
  readonly #limit: number;
  readonly #samples = new Map<Measure, Sample[]>();
  readonly #child: ChildProcess;
  #stoppedIn: Measure | undefined;

  constructor(client: ClientName, { root, paths }: BenchRepository, url: string, lookups: number, limit: number) {
    this.#request = { client, root: Buffer.from(root).toString('base64'), url, paths: [], lookups };
    this.#paths = paths;
    this.#limit = limit;
    this.#child = fork(fileURLToPath(new URL('tuf-child.js', import.meta.url)), { execArgv: NODE_FLAGS });
  }

  outcome(measure: Measure): Outcome {
    const stopped = this.#stoppedIn === measure ? { stoppedAfter: this.#limit } : undefined;
    return spread(this.#samples.get(measure) ?? []) ?? stopped;
  }

  /**
   * @param round 0 is not counted, unless it is the last one that this client gets to
   * @throws Error when the client fails
   */
  async run(round: number): Promise<void> {
    if (this.#stoppedIn) return;
    if (round === 1) this.#samples.clear();
    // Other paths each time: those of the last round may be faster for having been looked up.
    const from = (round * LOOKED_UP) % this.#paths.length;
    const request = { ...this.#request, paths: this.#paths.slice(from, from + LOOKED_UP) };
    let reached = 0;
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#child.removeAllListeners();
        if (error) reject(error);
        else resolve();
      };
      const timer = setTimeout(() => {
        this.#stoppedIn = MEASURES[reached];
        this.stop();
        finish();
      }, this.#limit);
      this.#child.on('exit', (code, signal) => finish(new Error(`${request.client} ended: ${code ?? signal}`)));
      this.#child.on('message', (report: RunReport) => {
        if ('done' in report) finish();
        else if ('error' in report) finish(new Error(`${request.client}: ${report.error}`));
        else {
          reached++;
          this.#samples.set(report.measure, [...(this.#samples.get(report.measure) ?? []), report]);
        }
      });
      this.#child.send(request);
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBrowsers } from '../../browser/browsers.js';
import { syntheticApp } from './apps.js';
import { modulesApp, monacoApp, wasmApp } from './built-apps.js';
import { measureInstalls, measureLoads, type Setting } from './load-suite.js';
import { installPeers, OURS, type Peer, peers, peerVersions, REFERENCE } from './peers.js';
import type { Network } from './site-server.js';
import { measureColdStart, measureMedia, measureSizes, TRIVIAL } from './special-suites.js';
import { Samples, type Spread } from './statistics.js';

/** The ways to the server: this machine's own, and one that is as long and narrow as many. */
export const NETWORKS = {
  local: undefined,
  slow: { name: '40 ms, 10 Mbit/s', latency: 40, rate: 10_000_000 },
} as const satisfies Record<string, Network | undefined>;
export type NetworkName = keyof typeof NETWORKS;

export interface PagesOptions {
  /** How often each peer is measured. */
  readonly rounds: number;
  /** Names of cases; all by default. */
  readonly only: readonly string[] | undefined;
  /** Names of peers, beside ours and the reference; all by default. */
  readonly peers: readonly string[] | undefined;
  /** Ways to the server, by name; all by default. */
  readonly networks: readonly NetworkName[] | undefined;
  /** Whether to see that everything works instead of measuring: the least of each case, this machine's own way only. */
  readonly quick: boolean;
  /** Whether to bundle the worker first, or to take what `dist` has. */
  readonly build: boolean;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
  /** Given what is known after each case: a run takes hours, and the last one may fail. */
  readonly save: (outcome: PagesOutcome) => void;
}

/** One measure of one peer. */
export interface PagesResult {
  readonly case: string;
  /** Empty: this machine's own. */
  readonly network: string;
  /** What was done. */
  readonly action: string;
  readonly measure: string;
  readonly peer: string;
  readonly unit: 'ms' | 'MiB' | 'bytes';
  readonly spread: Spread;
  /** Through the reference's median, if that was measured. */
  readonly ratio: number | undefined;
}

/** What the suite has found. */
export interface PagesOutcome {
  readonly browser: string;
  readonly peers: Readonly<Record<string, string>>;
  readonly results: readonly PagesResult[];
}

interface Case {
  readonly name: string;
  /** @param all who takes part; their packages are installed when it is called */
  run(all: () => readonly Peer[], setting: Setting): Promise<void>;
}

const CASES: readonly Case[] = [
  { name: 'sizes', run: async (all, setting) => measureSizes(all(), setting) },
  {
    name: 'synthetic',
    run: async (all, setting) => measureLoads(syntheticApp(join(setting.work, 'synthetic')), all(), setting),
  },
  {
    name: 'installs',
    run: async (all, setting) =>
      measureInstalls({ ...syntheticApp(join(setting.work, 'installs')), name: 'installs' }, all(), setting),
  },
  {
    name: 'cold-start',
    async run(_all, setting) {
      for (const targets of setting.quick ? [500] : [500, 10_000, 100_000]) await measureColdStart(targets, setting);
    },
  },
  {
    name: 'media',
    run: async (_all, setting) =>
      measureMedia(join(setting.packages(), 'node_modules/@duckdb/duckdb-wasm/dist/duckdb-mvp.wasm'), setting),
  },
  {
    name: 'wasm',
    run: async (all, setting) =>
      measureLoads(await wasmApp(join(setting.work, 'wasm'), setting.packages()), all(), { ...setting, networks: [undefined] }),
  },
  {
    name: 'monaco-classic',
    run: async (all, setting) => measureLoads(await monacoApp(join(setting.work, 'monaco-classic'), 'classic'), all(), setting),
  },
  {
    name: 'monaco-modules',
    run: async (all, setting) => measureLoads(await monacoApp(join(setting.work, 'monaco-modules'), 'modules'), all(), setting),
  },
  {
    name: 'modules',
    run: async (all, setting) => measureLoads(await modulesApp(join(setting.work, 'modules')), all(), setting),
  },
];

/** The names of all cases, in the order in which they are measured. */
export const CASE_NAMES = CASES.map(({ name }) => name);

/**
 * Measures pages in Chromium: each peer on an origin and in a profile of its own, round after round.
 *
 * @throws Error when a page is not whole, a worker did not answer or a release did not come: then there is nothing to compare
 */
export async function runPagesSuite(options: PagesOptions): Promise<PagesOutcome> {
  const { rounds, only, peers: names, networks, quick, build, progress, save } = options;
  if (build) {
    progress('building the worker');
    execFileSync('npm', ['run', '--silent', 'bundle'], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const packages = () => installPeers(progress);
  const taking = () =>
    peers(packages()).filter(({ name }) => name === OURS || name === REFERENCE || (names?.includes(name) ?? true));
  const executable = findBrowsers(process.env).chromium;
  const browser = execFileSync(executable, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const ways = (networks ?? (quick ? (['local'] as const) : (['local', 'slow'] as const))).map((name) => NETWORKS[name]);
  const samples = new Samples();
  const outcome = () => ({ browser, peers: peerVersions(), results: resultsOf(samples) });
  const work = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'));
  try {
    for (const { name, run } of CASES) {
      if (only && !only.includes(name)) continue;
      progress(name);
      await run(taking, { executable, packages, work, rounds, networks: ways, quick, samples, progress });
      save(outcome());
    }
  } finally {
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  }
  return outcome();
}

/** @returns each measure, with its ratio to the reference */
export function resultsOf(samples: Samples): PagesResult[] {
  const results = samples.spreads().map(({ key: [name = '', network = '', action = '', measure = '', peer = ''], spread }) => ({
    case: name,
    network,
    action,
    measure,
    peer,
    unit: measure.includes('bytes') ? ('bytes' as const) : measure.includes('memory') ? ('MiB' as const) : ('ms' as const),
    spread,
  }));
  return results.map((result) => {
    const reference = results.find(
      (other) =>
        (other.peer === REFERENCE || other.peer === TRIVIAL) &&
        (['case', 'network', 'action', 'measure'] as const).every((field) => other[field] === result[field]),
    );
    return { ...result, ratio: reference && result.spread.median / reference.spread.median };
  });
}

import type { PagesResult } from './pages-suite.js';
import { OURS } from './peers.js';

/** What is to be reached. */
export interface Goal {
  /** What is measured, against what. */
  readonly words: string;
  readonly most: number;
  /** Empty for a ratio. */
  readonly unit: string;
  /** @returns undefined when this run has not measured it */
  measured(results: readonly PagesResult[]): number | undefined;
}

function find(
  results: readonly PagesResult[],
  name: string,
  action: string,
  measure: string,
  peer = OURS,
): PagesResult | undefined {
  return results.find(
    (result) =>
      result.case === name &&
      result.network === '' &&
      result.action === action &&
      result.measure === measure &&
      result.peer === peer,
  );
}

function ratio(name: string, action: string, measure: string, words: string, most: number): Goal {
  return { words, most, unit: '', measured: (results) => find(results, name, action, measure)?.ratio };
}

function value(name: string, action: string, measure: string, words: string, most: number, unit: string): Goal {
  return { words, most, unit, measured: (results) => find(results, name, action, measure)?.spread.median };
}

const RANGE = 'a range of 64 KiB of 200 MiB';
const MEDIA = 'all of 200 MiB';
const WASM = 'all of 39 MB of WebAssembly';

/** The page needs memory too, and shares its process with the worker, so what is needed without a worker is taken off. */
function peak(action: string, words: string): Goal {
  const most = 8;
  const measure = 'peak memory of renderers';
  return {
    words,
    most,
    unit: 'MiB',
    measured(results) {
      const ours = find(results, 'media', action, measure);
      const without = find(results, 'media', action, measure, 'no worker, no-store');
      return ours && without && ours.spread.median - without.spread.median;
    },
  };
}

/** Of the issue that asked for this benchmark. */
export const GOALS: readonly Goal[] = [
  ratio('synthetic', 'worker running', 'loaded', 'page load, worker running / Workbox', 0.7),
  ratio('synthetic', 'worker stopped', 'loaded', 'page load, worker stopped before / Workbox', 0.85),
  ratio('monaco-classic', 'browser restarted', 'loaded', '4 MB classic script, after a browser restart / Workbox', 0.95),
  ratio('installs', 'first install', 'time', 'first install / Workbox', 0.25),
  ratio('installs', 'update', 'time', 'update of 3 files in 200 / Workbox', 0.3),
  value(
    'installs',
    'update',
    'bytes beyond the changed files',
    'the same: bytes on the wire beyond the changed files',
    4096,
    'bytes',
  ),
  ...[
    { targets: 500, most: 1.4 },
    { targets: 10_000, most: 1.6 },
    { targets: 100_000, most: 1.6 },
  ].map(({ targets, most }) =>
    ratio('cold-start', `${targets} targets`, 'first byte', `cold start to first byte, ${targets} targets / trivial worker`, most),
  ),
  value('media', RANGE, 'first byte', '200 MB media, a range: first byte', 50, 'ms'),
  value('media', MEDIA, 'first byte', '200 MB media, from its beginning: first byte', 50, 'ms'),
  value('media', WASM, 'first byte', '30 MB WebAssembly: first byte', 50, 'ms'),
  peak(MEDIA, '200 MB media: peak of memory, above what it is without a worker'),
  peak(WASM, '30 MB WebAssembly: the same'),
  value('sizes', 'worker, with all that it imports', 'bytes, brotli', 'worker, brotli, everything in', 12 * 1024, 'bytes'),
];

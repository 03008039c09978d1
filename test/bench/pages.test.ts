import { expect, test } from 'vitest';
import { withSection } from './document.js';
import { barChart, inDigits } from './pages/chart.js';
import { type PagesReport, pagesCharts, pagesMarkdown } from './pages/pages-report.js';
import { resultsOf } from './pages/pages-suite.js';
import { spentBetween } from './pages/processes.js';
import { Samples, spreadOf } from './pages/statistics.js';
import { publishMarkdown } from './publish-suite.js';

test('median and quartiles', () => {
  expect(spreadOf([])).toBeUndefined();
  expect(spreadOf([7])).toEqual({ median: 7, lower: 7, upper: 7, runs: 1 });
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, lower: 1.75, upper: 3.25, runs: 4 });
  expect(spreadOf([50, 10, 40, 20, 30])).toEqual({ median: 30, lower: 20, upper: 40, runs: 5 });
});

test('processor time is what threads used in between, also those that are new', () => {
  const usage = (threads: [string, number, 'main' | 'worker' | 'renderer' | 'other'][]) => ({
    threads: new Map(threads.map(([id, ms, kind]) => [id, { ms, kind }])),
  });
  const before = usage([
    ['1', 100, 'other'],
    ['2', 10, 'main'],
  ]);
  const after = usage([
    ['1', 105, 'other'],
    ['2', 17, 'main'],
    ['3', 3, 'worker'],
    ['4', 2, 'renderer'],
  ]);
  expect(spentBetween(before, after)).toEqual({ main: 7, worker: 3, all: 17 });
});

const reportOf = (runs: readonly (readonly [string, string, string, string, readonly number[]])[]): PagesReport => {
  const samples = new Samples();
  for (const [name, action, measure, peer, values] of runs) {
    for (const value of values) samples.add([name, '', action, measure, peer], value);
  }
  return {
    suite: 'pages',
    date: '2026-11-23T00:00:00.000Z',
    commit: 'abc1234',
    machine: { cpu: 'CPU', cores: 2, memoryGiB: 24, system: 'Linux 6', node: 'v20' },
    rounds: 3,
    browser: 'Chromium 156',
    peers: { 'workbox-build': '7' },
    results: resultsOf(samples),
  };
};

test('a report has ratios to Workbox or to the trivial worker, says which goals are missed, and draws', () => {
  const report = reportOf([
    ['synthetic', 'worker running', 'loaded', 'Workbox', [100, 90, 110]],
    ['synthetic', 'worker running', 'loaded', 'Vouchsafe', [60, 70, 50]],
    ['synthetic', 'worker stopped', 'loaded', 'Workbox', [100]],
    ['synthetic', 'worker stopped', 'loaded', 'Vouchsafe', [102]],
    ['cold-start', '500 targets', 'first byte', 'trivial worker', [10]],
    ['cold-start', '500 targets', 'first byte', 'Vouchsafe', [13]],
    ['media', 'all of 200 MiB', 'peak memory of renderers', 'Vouchsafe', [30]],
    ['media', 'all of 200 MiB', 'peak memory of renderers', 'no worker, no-store', [10]],
  ]);
  const markdown = pagesMarkdown([report]);
  expect(markdown).toContain('commit abc1234, CPU, 2 cores, 24 GiB, Linux 6, Node v20. Chromium 156; workbox-build 7.');
  expect(markdown).toContain('| page load, worker running / Workbox | at most 0.70 | 0.60 | met |');
  expect(markdown).toContain('| page load, worker stopped before / Workbox | at most 0.85 | 1.02 | missed by 20 % |');
  expect(markdown).toContain('| cold start to first byte, 500 targets / trivial worker | at most 1.40 | 1.30 | met |');
  expect(markdown).toContain('| at most 8 MiB | 20 MiB | missed by 150 % |');
  expect(markdown).toContain('| Vouchsafe | 60 ms (55 to 65); 0.60 |');
  expect(markdown).not.toContain('first install');
  const charts = pagesCharts([report]);
  expect(charts.map(({ name }) => name)).toEqual([
    'synthetic-worker-running-loaded.svg',
    'synthetic-worker-stopped-loaded.svg',
    'cold-start-500-targets-first-byte.svg',
  ]);
  expect(charts[0]?.svg).toContain('>60 ms</text>');
});

test('several runs: the first counts for goals and charts, and each has its tables', () => {
  const [first, second] = [70, 90].map((ms) =>
    reportOf([
      ['synthetic', 'worker running', 'loaded', 'Workbox', [100]],
      ['synthetic', 'worker running', 'loaded', 'Vouchsafe', [ms]],
      ...(ms === 90 ? ([['media', 'all of 200 MiB', 'first byte', 'Vouchsafe', [20]]] as const) : []),
    ]),
  ) as [PagesReport, PagesReport];
  const markdown = pagesMarkdown([first, second]);
  expect(markdown.match(/page load, worker running.*/g)).toEqual([expect.stringContaining('| 0.70 | met |')]);
  expect(markdown).toContain('200 MB media, from its beginning: first byte | at most 50 ms | 20 ms | met |');
  expect(markdown.match(/^\| Vouchsafe \| \d+ ms; .*/gm)).toEqual(['| Vouchsafe | 70 ms; 0.70 |', '| Vouchsafe | 90 ms; 0.90 |']);
  expect(markdown).not.toContain('.svg');
  expect(pagesMarkdown([first, second], 'images').match(/!.*/g)).toEqual([
    '![synthetic, worker running: loaded](images/synthetic-worker-running-loaded.svg)',
  ]);
  expect(pagesCharts([first, second]).map(({ svg }) => svg.includes('>70 ms<'))).toEqual([true]);
});

test('a bar is as long as its median, and text in an image is text', () => {
  const bars = [
    { label: 'a <b> & "c"', median: 200, lower: 100, upper: 400, isOurs: true },
    { label: 'd', median: 400, lower: 400, upper: 400, isOurs: false },
  ];
  const svg = barChart('T', 'ms', bars);
  expect(svg).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
  expect([...svg.matchAll(/<rect x="190" [^>]*width="([\d.]+)"/g)].map(([, width]) => width)).toEqual(['200.0', '400.0']);
  expect([0.01234, 12.345, 1234.5, 5_433_280].map(inDigits)).toEqual(['0.012', '12.3', '1,235', '5,433,280']);
});

test('a run takes the place of the one before', () => {
  const document = 'Before\n\n<!-- pages -->\n\nold\n\n<!-- end of pages -->\n\nAfter\n';
  expect(withSection(document, 'pages', 'new\n')).toBe(document.replace('old', 'new'));
  expect(() => withSection(document, 'tuf', 'new')).toThrow('tuf');
});

test('publishing says whether it reached its goal', () => {
  const spread = { median: 100, lower: 90, upper: 110, runs: 3 };
  const measured = { time: spread, peakMemory: spread, sha256sum: spread, copy: spread };
  const result = { files: 1000, action: 'cold', ...measured, ratio: 1, goal: 1.5 } as const;
  expect(publishMarkdown([result, { ...result, ratio: 1.6 }]).match(/1\.5, (met|missed)/g)).toEqual(['1.5, met', '1.5, missed']);
});

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compare, spread } from './report.js';

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  // Inside the project, so that the packages are found.
  folder = mkdtempSync(join('node_modules', '.bench-'));
  await build({ configFile: 'test/bench/vite.config.ts', logLevel: 'warn', build: { outDir: folder } });
});

afterAll(() => rmSync(folder, { recursive: true }));

test('a run on the smallest repositories measures both clients and prints a table and JSON', async () => {
  const json = join(folder, 'report.json');
  const args = ['tuf', '--rounds', '1', '--largest', '10', '--json', json];
  const { stdout, stderr } = await run(process.execPath, [join(folder, 'bench.js'), ...args]);
  expect(stderr).toContain('10 targets, flat, 20 root rotations\n  round 0 of 1\n  round 1 of 1\n');
  const { results, machine } = JSON.parse(readFileSync(json, 'utf8'));
  expect(machine.node).toBe(process.version);
  const lines = results.map(({ repository, measure }: { repository: string; measure: string }) => `${repository}: ${measure}`);
  expect(lines).toEqual([
    '10 targets, flat: cold refresh',
    '10 targets, flat: no-change refresh',
    '10 targets, flat: first look-up',
    '10 targets, flat: look-up, loaded',
    '10 targets, flat, 20 root rotations: cold refresh',
  ]);
  for (const { vouchsafe, 'tuf-js': tufJs, ratio } of results) {
    expect(vouchsafe.median).toBeGreaterThan(0);
    expect(ratio).toBe(vouchsafe.median / tufJs.median);
    expect([vouchsafe.runs, tufJs.runs]).toEqual([1, 1]);
  }
  expect(stdout.split('\n').filter((line) => line.startsWith('| 10 targets'))).toHaveLength(5);
});

test('a quick run opens an app in Chromium, and says what its first byte took beside a trivial worker', async () => {
  const json = join(folder, 'pages.json');
  const args = ['pages', '--quick', '--no-build', '--only', 'cold-start', '--json', json];
  const { stdout } = await run(process.execPath, [join(folder, 'bench.js'), ...args]);
  const { results } = JSON.parse(readFileSync(json, 'utf8'));
  const firstBytes = results.filter(({ measure }: { measure: string }) => measure === 'first byte');
  expect(firstBytes.map(({ peer, action }: { peer: string; action: string }) => `${peer}, ${action}`).sort()).toEqual([
    'Vouchsafe, 500 targets',
    'trivial worker, 500 targets',
  ]);
  for (const { spread } of firstBytes) expect(spread.median).toBeGreaterThan(0);
  expect(stdout).toContain('| cold start to first byte, 500 targets / trivial worker | at most 1.40 |');
});

test('a quick run signs the smallest folder beside sha256sum', async () => {
  const { stdout } = await run(process.execPath, [join(folder, 'bench.js'), 'publish', '--quick', '--no-build']);
  expect(stdout).toMatch(/^\| 10 \| cold \| .*\n\| 10 \| one file changed \| /m);
});

test('medians, and what is said of a client that was stopped', () => {
  const sample = (ms: number) => ({ ms, cpuMs: 2 * ms });
  expect(spread([3, 1, 2].map(sample))).toEqual({ median: 2, min: 1, max: 3, medianCpu: 4, runs: 3 });
  expect(spread([4, 1, 2, 3].map(sample))?.median).toBe(2.5);
  expect(spread([])).toBeUndefined();
  expect(compare('r', 'm', spread([sample(5)]), { stoppedAfter: 20 })).toMatchObject({ ratio: 0.25, cpuRatio: undefined });
  expect(compare('r', 'm', spread([sample(5)]), undefined).ratio).toBeUndefined();
});

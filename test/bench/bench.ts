import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { CASE_NAMES, runPagesSuite } from './pages/pages-suite.js';
import { type BenchReport, circumstances, toMarkdown } from './report.js';
import { runTufSuite } from './tuf-suite.js';

interface Flags {
  readonly rounds: number;
  readonly limit: number;
  readonly largest: number;
  readonly json?: string;
}

const program = new Command('npm run bench --').description('Measures this project beside its peers, on this machine.');

program
  .command('tuf')
  .description('the TUF client beside tuf-js: refreshes, look-ups and root rotations, on the same repositories over a local server')
  .option('--rounds <number>', 'counted runs of each client on each repository', positive, 11)
  .option('--limit <seconds>', 'stop a run that takes longer', positive, 20)
  .option('--largest <targets>', 'leave out repositories with more targets', positive, 100_000)
  .option('--json <file>', 'write the results there too')
  .action(async ({ json, ...flags }: Flags) => {
    const results = await runTufSuite({ ...flags, progress: (text) => process.stderr.write(`${text}\n`) });
    const report: BenchReport = { suite: 'tuf', ...circumstances(), rounds: flags.rounds, limit: flags.limit, results };
    const text = JSON.stringify(report, undefined, 2);
    if (json === undefined) process.stdout.write(`${text}\n\n`);
    else writeFileSync(json, `${text}\n`);
    process.stdout.write(`${toMarkdown(report)}\n`);
  });

program
  .command('pages', { isDefault: true })
  .description('apps in Chromium, beside Workbox and others: loads, installs, updates')
  .option('--rounds <number>', 'how often each of them is measured', positive, 12)
  .option('--cases <names...>', `some of ${CASE_NAMES.join(', ')}`)
  .option('--peers <names...>', 'fewer peers')
  .option('--json <file>', 'write the results there too')
  .action(async ({ json, ...flags }: { rounds: number; cases?: string[]; peers?: string[]; json?: string }) => {
    const outcome = await runPagesSuite({
      rounds: flags.rounds,
      cases: flags.cases,
      peers: flags.peers,
      progress: (text) => process.stderr.write(`${text}\n`),
    });
    const report = { suite: 'pages', ...circumstances(), rounds: flags.rounds, ...outcome };
    const text = JSON.stringify(report, undefined, 2);
    if (json === undefined) process.stdout.write(`${text}\n\n`);
    else writeFileSync(json, `${text}\n`);
    for (const r of outcome.results)
      process.stdout.write(
        `${r.case} | ${r.network} | ${r.action} | ${r.measure} | ${r.peer} | ${r.spread.median.toFixed(1)} (${r.spread.lower.toFixed(1)}-${r.spread.upper.toFixed(1)}) | ${r.ratio?.toFixed(2)}\n`,
      );
  });

await program.parseAsync();

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number, 1 or more.');
  return number;
}

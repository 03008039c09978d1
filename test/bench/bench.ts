import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
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

await program.parseAsync();

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number, 1 or more.');
  return number;
}

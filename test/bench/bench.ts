import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { writeDocument } from './document.js';
import { type PagesReport, pagesCharts, pagesMarkdown } from './pages/pages-report.js';
import { CASE_NAMES, NETWORKS, type NetworkName, runPagesSuite } from './pages/pages-suite.js';
import { PEER_NAMES } from './pages/peers.js';
import { publishMarkdown, runPublishSuite } from './publish-suite.js';
import { type BenchReport, circumstances, machineInWords, toMarkdown } from './report.js';
import { runTufSuite } from './tuf-suite.js';

/** Where the results go. */
interface Output {
  readonly json?: string;
  readonly write?: true;
}

interface PagesFlags extends Output {
  readonly rounds: number;
  readonly cases?: string[];
  readonly peers?: string[];
  readonly networks?: NetworkName[];
}

const program = new Command('npm run bench --').description('Measures this project beside its peers, on this machine.');
const progress = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

program
  .command('pages', { isDefault: true })
  .description('apps in Chromium, beside Workbox and others: loads, installs, updates, cold starts, large files')
  .option('--rounds <number>', 'how often each of them is measured', positive, 12)
  .addOption(new Option('--cases <names...>', 'all by default').choices(CASE_NAMES))
  .addOption(new Option('--peers <names...>', 'beside Workbox and ours; all by default').choices(['none', ...PEER_NAMES]))
  .addOption(new Option('--networks <names...>', 'all by default').choices(Object.keys(NETWORKS)))
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the tables and charts into docs/performance.md')
  .action(async ({ rounds, cases, peers, networks, ...output }: PagesFlags) => {
    const outcome = await runPagesSuite({ rounds, cases, peers, networks, progress });
    const report: PagesReport = { suite: 'pages', ...circumstances(), rounds, ...outcome };
    emit(report, pagesMarkdown(report), output);
    if (output.write) writeDocument('pages', pagesMarkdown(report), pagesCharts(report));
  });

program
  .command('show')
  .description(
    'tables of earlier runs of the suite pages, from what --json wrote; several files together, the first says where they ran',
  )
  .argument('<files...>')
  .option('--write', 'put the tables and charts into docs/performance.md')
  .action((files: string[], { write }: Output) => {
    const [first, ...more] = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as PagesReport);
    if (!first) return;
    const report = { ...first, results: [first, ...more].flatMap(({ results }) => results) };
    process.stdout.write(`${pagesMarkdown(report)}\n`);
    if (write) writeDocument('pages', pagesMarkdown(report), pagesCharts(report));
  });

program
  .command('publish')
  .description('signing folders, beside sha256sum')
  .option('--rounds <number>', 'how often each folder is measured', positive, 5)
  .option('--largest <files>', 'leave out larger folders', positive, 100_000)
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the table into docs/performance.md')
  .action(async ({ rounds, largest, ...output }: { rounds: number; largest: number } & Output) => {
    progress('building');
    execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const report = {
      suite: 'publish',
      ...circumstances(),
      rounds,
      results: await runPublishSuite({ rounds, largest, progress }),
    };
    const markdown = `${machineInWords(report)} Medians (lower to upper quartile) of ${rounds} rounds.\n\n${publishMarkdown(report.results)}\n`;
    emit(report, markdown, output);
    if (output.write) writeDocument('publish', markdown);
  });

program
  .command('tuf')
  .description('the TUF client beside tuf-js: refreshes, look-ups and root rotations, on the same repositories over a local server')
  .option('--rounds <number>', 'counted runs of each client on each repository', positive, 11)
  .option('--limit <seconds>', 'stop a run that takes longer', positive, 20)
  .option('--largest <targets>', 'leave out repositories with more targets', positive, 100_000)
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the table into docs/performance.md')
  .action(async ({ rounds, limit, largest, ...output }: { rounds: number; limit: number; largest: number } & Output) => {
    const results = await runTufSuite({ rounds, limit, largest, progress });
    const report: BenchReport = { suite: 'tuf', ...circumstances(), rounds, limit, results };
    emit(report, toMarkdown(report), output);
    if (output.write) writeDocument('tuf', toMarkdown(report));
  });

await program.parseAsync();

function emit(report: object, markdown: string, { json }: Output): void {
  const text = JSON.stringify(report, undefined, 2);
  if (json === undefined) process.stdout.write(`${text}\n\n`);
  else writeFileSync(json, `${text}\n`);
  process.stdout.write(`${markdown}\n`);
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number, 1 or more.');
  return number;
}

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHARTS, writeDocument } from './document.js';
import { type PagesReport, pagesCharts, pagesMarkdown } from './pages/pages-report.js';
import { CASE_NAMES, NETWORKS, type NetworkName, type PagesOutcome, runPagesSuite } from './pages/pages-suite.js';
import { PEER_NAMES } from './pages/peers.js';
import { publishMarkdown, runPublishSuite } from './publish-suite.js';
import { type BenchReport, circumstances, machineInWords, toMarkdown } from './report.js';
import { runTufSuite } from './tuf-suite.js';

/** Where the results go. */
interface Output {
  readonly json?: string;
  readonly write?: true;
}

/** Whether to measure, or only to see that everything works. */
interface Effort {
  readonly rounds?: number;
  readonly quick?: boolean;
}

interface PagesFlags extends Output, Effort {
  readonly build: boolean;
  readonly only?: string[];
  readonly peers?: string[];
  readonly networks?: NetworkName[];
}

const program = new Command('npm run bench --').description('Measures this project beside its peers, on this machine.');
const QUICK = 'see that it works: one round of the least';
const progress = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

program
  .command('pages', { isDefault: true })
  .description('apps in Chromium, beside Workbox and others: loads, installs, updates, cold starts, large files')
  .option('--rounds <number>', 'how often each of them is measured; 12 by default', positive)
  .option('--quick', QUICK)
  .option('--no-build', 'take the worker that `npm run build` has left')
  .addOption(new Option('--only <cases...>', 'all by default').choices(CASE_NAMES))
  .addOption(new Option('--peers <names...>', 'beside Workbox and ours; all by default').choices(['none', ...PEER_NAMES]))
  .addOption(new Option('--networks <names...>', 'all by default').choices(Object.keys(NETWORKS)))
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the tables and charts into docs/performance.md')
  .action(async ({ quick = false, rounds = quick ? 1 : 12, build, only, peers, networks, ...output }: PagesFlags) => {
    const where = circumstances();
    const reportOf = (outcome: PagesOutcome): PagesReport => ({ suite: 'pages', ...where, rounds, ...outcome });
    const save = (outcome: PagesOutcome) => writeJson(reportOf(outcome), output);
    const report = reportOf(await runPagesSuite({ rounds, only, peers, networks, quick, build, progress, save }));
    emit(report, pagesMarkdown([report]), output);
    if (output.write) writeDocument('pages', pagesMarkdown([report], CHARTS), pagesCharts([report]));
  });

program
  .command('show')
  .description(
    'tables of earlier runs of the suite pages, from what --json wrote; of what two have measured, the first counts for goals and charts',
  )
  .argument('<files...>')
  .option('--write', 'put the tables and charts into docs/performance.md')
  .action((files: string[], { write }: Output) => {
    const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as PagesReport);
    const markdown = pagesMarkdown(reports);
    process.stdout.write(`${markdown}\n`);
    if (write) writeDocument('pages', pagesMarkdown(reports, CHARTS), pagesCharts(reports));
  });

program
  .command('publish')
  .description('signing folders, beside sha256sum')
  .option('--rounds <number>', 'how often each folder is measured; 5 by default', positive)
  .option('--quick', QUICK)
  .option('--no-build', 'take the command that `npm run build` has left')
  .option('--largest <files>', 'leave out larger folders; 100,000 by default', positive)
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the table into docs/performance.md')
  .action(async (flags: Output & Effort & { build: boolean; largest?: number }) => {
    const { quick = false, rounds = quick ? 1 : 5, largest = quick ? 10 : 100_000, build, ...output } = flags;
    if (build) {
      progress('building');
      execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
    }
    const results = await runPublishSuite({ rounds, largest, progress });
    const report = { suite: 'publish', ...circumstances(), rounds, results };
    const markdown = `${machineInWords(report)} Medians (lower to upper quartile) of ${rounds} rounds.\n\n${publishMarkdown(results)}\n`;
    emit(report, markdown, output);
    if (output.write) writeDocument('publish', markdown);
  });

program
  .command('tuf')
  .description('the TUF client beside tuf-js: refreshes, look-ups and root rotations, on the same repositories over a local server')
  .option('--rounds <number>', 'counted runs of each client on each repository; 11 by default', positive)
  .option('--quick', QUICK)
  .option('--limit <seconds>', 'stop a run that takes longer', positive, 20)
  .option('--largest <targets>', 'leave out repositories with more targets; 100,000 by default', positive)
  .option('--json <file>', 'write the results there too')
  .option('--write', 'put the table into docs/performance.md')
  .action(async (flags: Output & Effort & { limit: number; largest?: number }) => {
    const { quick = false, rounds = quick ? 1 : 11, largest = quick ? 10 : 100_000, limit, ...output } = flags;
    const results = await runTufSuite({ rounds, limit, largest, progress });
    const report: BenchReport = { suite: 'tuf', ...circumstances(), rounds, limit, results };
    emit(report, toMarkdown(report), output);
    if (output.write) writeDocument('tuf', toMarkdown(report));
  });

await program.parseAsync();

function emit(report: object, markdown: string, output: Output): void {
  writeJson(report, output);
  if (output.json === undefined) process.stdout.write(`${inJson(report)}\n`);
  process.stdout.write(`${markdown}\n`);
}

function writeJson(report: object, { json }: Output): void {
  if (json !== undefined) writeFileSync(json, inJson(report));
}

function inJson(report: object): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number, 1 or more.');
  return number;
}

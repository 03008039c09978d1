import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { watch } from './watch.js';

// `npm run fuzz`. What it finds, it saves here.
const FOLDER = 'test-results/fuzz';

function number(text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

const options = new Command('npm run fuzz --')
  .description('Looks for inputs that crash the parsers, hang them, fill the memory, or make them disagree with another program.')
  .option('--minutes <number>', 'how long', number, 1)
  .option('--seed <number>', 'where to start; printed, so that a run can be repeated', number, Date.now() % 2 ** 31)
  .option('--only <campaign...>', 'campaigns by name (by default all)', [])
  .option('--patience <seconds>', 'how long a call may take on the clock; processor time has its own limit', number, 30)
  .option('--replay <file>', 'run one saved input and nothing else')
  .parse()
  .opts<{ minutes: number; seed: number; only: string[]; patience: number; replay?: string }>();

const totals = new Map<string, number>();
let peak = 0;
let printed = performance.now();
console.log(`seed ${options.seed}`);
const { minutes, seed, only, patience, replay } = options;
const find = await watch(
  { seconds: minutes * 60, seed, only, patience, replay },
  fileURLToPath(new URL('child.js', import.meta.url)),
  FOLDER,
  ({ campaign, calls, rss }) => {
    totals.set(campaign, (totals.get(campaign) ?? 0) + calls);
    peak = Math.max(peak, rss);
    const all = [...totals.values()].reduce((sum, count) => sum + count, 0);
    const line = `${all} inputs, ${Math.round(rss / 2 ** 20)} MB, ${campaign}`;
    if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(60)}`);
    else if (performance.now() - printed > 60_000) {
      printed = performance.now();
      console.log(line);
    }
  },
);
if (process.stdout.isTTY) process.stdout.write('\r');
for (const [campaign, calls] of totals) console.log(`${campaign.padEnd(16)} ${calls} inputs`);
if (find) {
  console.error(find.reason);
  if (find.file) console.error(`\nThe input is saved: npm run fuzz -- --replay ${find.file}`);
  process.exitCode = 1;
} else console.log(`nothing found; at most ${Math.round(peak / 2 ** 20)} MB`);

import { openSync, readFileSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { type AnyCampaign, readInput, saveInput } from './campaign.js';
import { allCampaigns, BROKEN } from './campaigns.js';
import { CALL_SECONDS, GROWTH, type Job, type Message } from './watch.js';

// The process that runs campaigns; `watch.ts` starts it. Before each call it writes the input to a file, where it can be found when the call
// does not come back.

/** Milliseconds that a campaign runs before it is the next one's turn. */
const TURN = 1_000;
/** Inputs of one seed. */
const RUNS = 20;
/** Milliseconds to look for a smaller input that shows the same. */
const SHRINKING = 5_000;

const job = JSON.parse(process.argv[2] ?? '') as Job;
const current = openSync(job.current, 'w');
let calls = 0;

const tell = (message: Message) => new Promise<void>((resolve) => process.send?.(message, () => resolve()));

/** Notes the input down, calls, and measures. */
async function call({ name, check }: AnyCampaign, input: unknown, seed: number): Promise<void> {
  const note = Buffer.from(`${JSON.stringify({ call: ++calls, campaign: name, seed })}\n${saveInput(input)}\n`);
  writeSync(current, note, 0, note.length, 0);
  const before = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  await check(input);
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  if (seconds > CALL_SECONDS) throw new Error(`took ${seconds.toFixed(1)} seconds of processor time`);
  const growth = process.resourceUsage().maxRSS - maxRSS;
  if (growth > GROWTH) throw new Error(`took ${Math.round(growth / 1024)} MB`);
}

/** Runs one seed's inputs. When one fails, looks for a smaller one, says which, and ends the process. */
async function runSeed(campaign: AnyCampaign, seed: number): Promise<void> {
  let failedAt = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(campaign.inputs, async (input) => {
    if (performance.now() - failedAt > SHRINKING) return;
    try {
      await call(campaign, input, seed);
    } catch (error) {
      failedAt = Math.min(failedAt, performance.now());
      throw error;
    }
  });
  const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns: RUNS });
  if (failed) await find(campaign, seed, counterexample?.[0], errorInstance);
}

async function find({ name }: AnyCampaign, seed: number, input: unknown, error: unknown): Promise<void> {
  await tell({
    find: { campaign: name, seed, input: saveInput(input), reason: error instanceof Error ? `${error.stack}` : String(error) },
  });
  process.exit(1);
}

const all = await allCampaigns();
const campaigns = [...all, ...BROKEN];

/** @throws when there is none of this name */
function campaignOf(name: string): AnyCampaign {
  const found = campaigns.find((one) => one.name === name);
  if (!found) throw new Error(`There is no campaign "${name}". There are ${all.map((one) => one.name).join(', ')}.`);
  return found;
}

if (job.replay !== undefined) {
  const [note = '', input = ''] = readFileSync(job.replay, 'utf8').split('\n');
  const { campaign: name, seed } = JSON.parse(note) as { campaign: string; seed: number };
  const campaign = campaignOf(name);
  await call(campaign, readInput(input), seed).catch((error: unknown) => find(campaign, seed, readInput(input), error));
  process.exit(0);
}

const chosen = job.only.length > 0 ? job.only.map(campaignOf) : all;
let { seed } = job;
const end = performance.now() + job.seconds * 1000;
while (performance.now() < end) {
  for (const campaign of chosen) {
    const start = performance.now();
    const before = calls;
    // A short job still gives each campaign its turn.
    const turn = Math.min(TURN, (job.seconds * 1000) / chosen.length);
    do await runSeed(campaign, seed++ % 2 ** 31);
    while (performance.now() - start < turn);
    await tell({ progress: { campaign: campaign.name, calls: calls - before, rss: process.memoryUsage().rss } });
  }
}
process.exit(0);

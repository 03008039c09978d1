import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';

/** @param {string} text */
function number(text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

/**
 * @typedef {object} Options
 * @property {string[]} [phases]
 * @property {string[]} [kinds]
 * @property {number} points
 * @property {number} seed
 * @property {boolean} [every]
 * @property {string} browser
 * @property {number} workers
 */

const { browser, workers, ...options } = /** @type {Options} */ (
  new Command('npm run campaign --')
    .description('Kills the worker, the browser and the server at many moments, and looks whether the app is whole each time.')
    .option('--phases <phase...>', 'install, staging, navigation, activate, immediate, healing, damage (by default all)')
    .option('--kinds <kind...>', 'worker, browser, server, both (by default all)')
    .option('--points <number>', 'how many kills, at most', number, 84)
    .option('--every', 'each moment of each phase once, the kinds in turn, instead of some points: an hour or more')
    .option('--seed <number>', 'which ones; printed, so that a run can be repeated', number, Date.now() % 2 ** 31)
    .option('--browser <name>', 'chromium or firefox, which has no worker kills', 'chromium')
    .option('--workers <number>', 'browsers at once', number, 2)
    .parse()
    .opts()
);

console.log(`seed ${options.seed}`);
const { status } = spawnSync(
  process.execPath,
  [
    createRequire(import.meta.url).resolve('@playwright/test/cli'),
    'test',
    `--config=${fileURLToPath(new URL('../../campaign.config.ts', import.meta.url))}`,
    `--project=${browser}`,
    `--workers=${workers}`,
  ],
  { stdio: 'inherit', env: { ...process.env, VOUCHSAFE_CAMPAIGN: JSON.stringify(options) } },
);
process.exitCode = status ?? 1;

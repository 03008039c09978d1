#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Activation, HeaderRule } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { TopLevelRole } from '../tuf/root.js';
import { readConfig } from './cli-config.js';
import {
  addDeliveryOptions,
  collect,
  type DeliveryArguments,
  deliveryOptions,
  readJson,
  standDownCommand,
} from './cli-delivery.js';
import { initText, ProgressLine, publishText } from './cli-output.js';
import { describeRefusal } from './describe-refusal.js';
import { daysInSeconds } from './expiry.js';
import { init, ROLES, type RoleThreshold } from './init.js';
import { DEFAULT_PROJECT } from './project.js';
import { type PublishOptions, publish } from './publish.js';
import { PublisherError } from './publisher-error.js';
import { DEFAULT_PORT, serve } from './serve.js';
import { ACTIVATIONS } from './serving-config.js';

// Exit codes: 1 when the work failed, 2 when the command line was wrong, so that a script can tell them apart.
const FAILED = 1;
const USAGE = 2;

process.exitCode = await run(process.argv);

async function run(argv: readonly string[]): Promise<number> {
  const program = await makeProgram();
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    // Commander has written its own message; --help and --version come here too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    process.stderr.write(`vouchsafe: ${sentence(error)}\n`);
    const isVerbose = argv.includes('--verbose') || process.env.DEBUG !== undefined;
    if (isVerbose && error instanceof Error)
      process.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `caused by ${error.cause.stack}\n` : ''}`);
    return FAILED;
  }
}

function sentence(error: unknown): string {
  if (error instanceof PublisherError) return error.message;
  if (error instanceof VouchsafeError) return describeRefusal(error);
  return error instanceof Error ? error.message : String(error);
}

async function makeProgram(): Promise<Command> {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const program = new Command('vouchsafe')
    .description('Publishes a web app so that browsers run only what your keys have signed.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(run with --help for the options and examples)');
  addInit(program);
  const publishing = publishCommand(program);
  addPublish(publishing);
  addDeliveryOptions(publishing);
  addPublish(standDownCommand(program));
  addServe(program);
  for (const command of program.commands) command.option('--verbose', 'show where an error came from');
  return program;
}

function addInit(program: Command): void {
  program
    .command('init')
    .description('Make a project: a key for each role, and the first root metadata.')
    .option('--project <folder>', 'project folder to make', DEFAULT_PROJECT)
    .option(
      '--role <role=threshold/keys>',
      'how many of how many keys must sign for a role (repeatable; default 1/1)',
      collectRole,
      {},
    )
    .option('--root-days <days>', 'days until the root metadata expires (default 365)', parseDays)
    .addHelpText(
      'after',
      `
Examples:
  vouchsafe init
  vouchsafe init --role root=2/3            two of three root keys must sign
  vouchsafe init --project deploy/vouchsafe`,
    )
    .action(async (options: { project: string; role?: Partial<Record<TopLevelRole, RoleThreshold>>; rootDays?: number }) => {
      const report = await init({ project: options.project, roles: options.role, rootExpiry: options.rootDays });
      process.stdout.write(initText(report));
    });
}

interface PublishArguments extends DeliveryArguments {
  config?: string;
  activation?: Activation;
  lookSeconds?: number;
  out: string;
  project: string;
  base: string;
  fallback?: string | false;
  passthrough?: string[];
  mirror?: string[];
  headers?: string;
  offlineDays?: number;
  expires?: PublishOptions['expires'];
}

function publishCommand(program: Command): Command {
  return program
    .command('publish')
    .description('Sign a folder of static files as the next release, and write the site to deploy.')
    .addHelpText(
      'after',
      `
Examples:
  vouchsafe publish dist --out published
  vouchsafe publish dist --out published --passthrough /api/ --headers headers.json
  vouchsafe publish dist --out published --csp
  vouchsafe publish dist --out published --config vouchsafe.config.json
  vouchsafe publish site --out published --base /docs/ --no-fallback

Run it again, with nothing changed, to renew metadata before it expires.`,
    );
}

/** Standing down is a publish as well. */
function addPublish(command: Command): void {
  command
    .argument('<directory>', 'folder with the built app')
    .requiredOption('--out <folder>', 'folder to write; keep it from one publish to the next')
    .option('--project <folder>', 'project folder with the keys', DEFAULT_PROJECT)
    .option('--base <path>', 'path that the site is deployed under', '/')
    .option('--config <file>', 'JSON file with the options under their names in JavaScript; what the command line says wins')
    .option('--fallback <file>', 'page for unknown paths (default: index.html when it is the only page)')
    .option('--no-fallback', 'unknown paths show no page')
    .option('--passthrough <prefix>', 'path prefix that goes to the network, for data only (repeatable)', collect)
    .option('--mirror <url>', 'URL of another server that has the same output (repeatable)', collect)
    .option('--headers <file>', 'JSON file with response headers: [{ "path": "**/*.html", "set": { "name": "value" } }]')
    .option(
      '--offline-days <days>',
      'days the app may run without reaching its metadata once that has expired (default 14)',
      parseDays,
    )
    .addOption(new Option('--activation <when>', 'when browsers change to a new release (default navigation)').choices(ACTIVATIONS))
    .option(
      '--look-seconds <seconds>',
      'least time between two looks for a new release that nobody asked for (default 10)',
      parseSeconds,
    )
    .option(
      '--expires <role=days>',
      'days until a role has to be signed again (repeatable; default targets=90 snapshot=30 timestamp=7)',
      collectExpiry,
    )
    .action(async (directory: string, options: PublishArguments, command: Command) => {
      const line = new ProgressLine(process.stderr);
      try {
        const said = {
          fallback: options.fallback,
          passthrough: options.passthrough,
          mirrors: options.mirror,
          headers: options.headers === undefined ? undefined : await readHeaders(options.headers),
          offlineSeconds: options.offlineDays,
          activation: options.activation,
          lookSeconds: options.lookSeconds,
        };
        const report = await publish({
          ...(await mergedOptions(options.config, { ...said, ...(await deliveryOptions(options, command)) })),
          directory,
          out: options.out,
          project: options.project,
          base: options.base,
          expires: options.expires,
          onProgress: (progress) => line.show(progress),
        });
        line.clear();
        process.stdout.write(publishText(report, options.out));
        for (const warning of report.warnings) process.stderr.write(`vouchsafe: warning: ${warning}\n`);
      } finally {
        line.clear();
      }
    });
}

function addServe(program: Command): void {
  program
    .command('serve')
    .description('Serve a published site over HTTP on this machine, for a look at it.')
    .argument('<folder>', 'published folder')
    .option('--port <number>', 'port to listen on; 0 for a free one', parsePort, DEFAULT_PORT)
    .option('--host <name>', 'name or address to listen on', 'localhost')
    .option('--base <path>', 'path that the site is served under; the one it was published with', '/')
    .addHelpText(
      'after',
      `
Examples:
  vouchsafe serve published
  vouchsafe serve published --port 8080 --base /docs/

Browsers run service workers over HTTPS, and over HTTP on localhost only.`,
    )
    .action(async (out: string, options: { port: number; host: string; base: string }) => {
      const { url, close } = await serve({ out, ...options });
      process.stdout.write(`Serving ${out} at ${url} (stop with Ctrl+C)\n`);
      await new Promise<void>((stop) => {
        process.once('SIGINT', stop);
        process.once('SIGTERM', stop);
      });
      await close();
    });
}

/** What the command line says, over what the configuration file says. */
async function mergedOptions<Said extends Partial<PublishOptions>>(
  file: string | undefined,
  said: Said,
): Promise<Partial<PublishOptions>> {
  if (file === undefined) return said;
  const config: Partial<PublishOptions> = await readConfig(file);
  // Standing down decides these, whatever the file says for other releases.
  const { csp, delivery, reportOnly, enforce, external, ...others } = config;
  const base = said.tombstone === true ? others : config;
  return { ...base, ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) };
}

async function readHeaders(file: string): Promise<HeaderRule[]> {
  const rules = await readJson(file, 'headers');
  if (!Array.isArray(rules))
    throw new PublisherError('bad-option', `The headers file ${file} must hold a list of { "path", "set" }.`);
  // Each rule is checked by the manifest's own reader when it is put there.
  return rules as unknown as HeaderRule[];
}

function collectRole(
  value: string,
  before: Partial<Record<TopLevelRole, RoleThreshold>> = {},
): Partial<Record<TopLevelRole, RoleThreshold>> {
  const [, role, threshold, keys] = /^(\w+)=(\d+)\/(\d+)$/.exec(value) ?? [];
  if (!isRole(role))
    throw new InvalidArgumentError(`Write it as role=threshold/keys with a role of ${ROLES.join(', ')}; for example root=2/3.`);
  return { ...before, [role]: { threshold: Number(threshold), keys: Number(keys) } };
}

function collectExpiry(value: string, before: PublishArguments['expires'] = {}): PublishArguments['expires'] {
  const [, role, days] = /^(\w+)=(.+)$/.exec(value) ?? [];
  if (!isRole(role) || role === 'root' || days === undefined)
    throw new InvalidArgumentError('Write it as role=days with targets, snapshot or timestamp; for example timestamp=7.');
  return { ...before, [role]: parseDays(days) };
}

function isRole(role: string | undefined): role is TopLevelRole {
  return ROLES.some((known) => known === role);
}

/** @returns seconds */
function parseDays(value: string): number {
  const days = Number(value);
  if (!(days > 0) || !Number.isFinite(days)) throw new InvalidArgumentError('It must be a number of days above 0.');
  return daysInSeconds(days);
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (value.trim() === '' || !Number.isSafeInteger(seconds) || seconds < 0)
    throw new InvalidArgumentError('It must be a whole number of seconds, 0 or more.');
  return seconds;
}

function parsePort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return port;
}

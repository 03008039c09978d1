import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { describeRefusal } from '../../dist/node/describe-refusal.js';
import { checkFile } from '../../dist/tuf/file.js';
import { Updater, VouchsafeError } from '../../dist/tuf/updater.js';
import { MetadataFolder, readIfThere, writeWhole } from './metadata-folder.js';

/** @import { TargetFile } from '../../dist/tuf/updater.js' */

// A place where nothing is: only `download` asks for targets, and it has to be told where they are.
const NO_TARGETS = 'https://targets.invalid/';

/**
 * @typedef {object} Options
 * @property {string} metadataDir
 * @property {string} [metadataUrl]
 * @property {string[]} [targetName]
 * @property {string} [targetBaseUrl]
 * @property {string} [targetDir]
 */

/**
 * Carries out one command line.
 *
 * @param {readonly string[]} argv as in `process.argv`
 * @returns {Promise<0 | 1>} the exit code: 0 only when everything succeeded
 */
export async function run(argv) {
  try {
    await makeProgram().parseAsync(argv);
    return 0;
  } catch (error) {
    // Commander has written its own message; --help comes here too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    process.stderr.write(`client: ${sentence(error)}\n`);
    return 1;
  }
}

function makeProgram() {
  const program = new Command('client')
    .description('The TUF client of this package, as the conformance suite runs it. Options may stand before or after the command.')
    .requiredOption('--metadata-dir <folder>', 'where trusted metadata is kept')
    .option('--metadata-url <url>', 'where the repository has its metadata', folderUrl)
    .option('--target-name <path>', 'target path to download; may repeat, all are downloaded in order', append)
    .option('--target-base-url <url>', 'where the repository has its targets', folderUrl)
    .option('--target-dir <folder>', 'where downloaded targets are kept')
    .exitOverride()
    .showHelpAfterError('(run with --help for the commands and options)');
  program
    .command('init')
    .description('start from this root metadata; asks the repository for nothing')
    .argument('<trusted-root>', 'a root.json that came from a source you trust')
    .action((trustedRoot) => init(program.opts(), trustedRoot));
  program
    .command('refresh')
    .description('bring the top-level metadata up to date')
    .action(() => refresh(program.opts()));
  program
    .command('download')
    .description('bring the metadata up to date, then download and verify targets')
    .action(() => downloadAll(program.opts()));
  return program;
}

/**
 * @param {Options} options
 * @param {string} trustedRoot
 */
async function init({ metadataDir }, trustedRoot) {
  await mkdir(metadataDir, { recursive: true });
  await writeWhole(join(metadataDir, 'root.json'), await readFile(trustedRoot));
}

/** @param {Options} options */
async function refresh(options) {
  await (await makeUpdater(options)).refresh();
}

/** @param {Options} options */
async function downloadAll(options) {
  const paths = required(options.targetName, '--target-name');
  const targetsUrl = required(options.targetBaseUrl, '--target-base-url');
  const folder = required(options.targetDir, '--target-dir');
  const updater = await makeUpdater(options, targetsUrl);
  await updater.refresh();
  await mkdir(folder, { recursive: true });
  for (const path of paths) {
    const target = await updater.findTarget(path);
    if (!target) throw new VouchsafeError('not-found', 'The signed metadata lists no such target.', { path });
    const file = join(folder, fileName(path));
    const kept = await readIfThere(file);
    if (!kept || !(await isTarget(kept, target))) await writeWhole(file, await updater.downloadTarget(target));
  }
}

/**
 * @param {Options} options
 * @param {string} targetsUrl
 */
async function makeUpdater({ metadataDir, metadataUrl }, targetsUrl = NO_TARGETS) {
  const store = new MetadataFolder(metadataDir);
  const url = required(metadataUrl, '--metadata-url');
  const root = await store.latestRoot();
  if (!root) throw new Error(`${metadataDir} has no root.json; run init first.`);
  return new Updater({ root, store, fetch, hasHttpCache: false, metadataUrl: url, targetsUrl });
}

/**
 * @param {Uint8Array} bytes
 * @param {TargetFile} target
 */
async function isTarget(bytes, target) {
  try {
    await checkFile(bytes, target, { path: target.path });
    return true;
  } catch (error) {
    if (error instanceof VouchsafeError) return false;
    throw error;
  }
}

/**
 * A target path as the name of one file, which cannot leave its folder and is nobody else's.
 *
 * @param {string} path
 */
function fileName(path) {
  // A leading dot is encoded too: "." and ".." are folders, and temporary files begin with one.
  return encodeURIComponent(path).replace(/^\./, '%2E');
}

/**
 * @param {string} value
 * @returns {string} it, with a trailing slash
 */
function folderUrl(value) {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new InvalidArgumentError('It must be an absolute http or https URL.');
  }
  return value.endsWith('/') ? value : `${value}/`;
}

/**
 * @param {string} value
 * @param {string[]} [before]
 */
function append(value, before = []) {
  return [...before, value];
}

/**
 * @template T
 * @param {T | undefined} value
 * @param {string} option
 * @returns {T}
 */
function required(value, option) {
  if (value === undefined) throw new Error(`This command needs ${option}.`);
  return value;
}

/**
 * @param {unknown} error
 * @returns {string} what went wrong, and why as far as it is known
 */
function sentence(error) {
  if (!(error instanceof Error)) return String(error);
  const text = error instanceof VouchsafeError ? describeRefusal(error) : error.message;
  return error.cause === undefined ? text : `${text} Cause: ${sentence(error.cause)}`;
}

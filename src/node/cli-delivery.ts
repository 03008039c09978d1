import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JsonValue } from '../tuf/json.js';
import { parseJson } from '../tuf/json.js';
import type { CspOptions } from './csp.js';
import type { Delivery, DeliveryOptions } from './delivery.js';
import { PublisherError } from './publisher-error.js';

/** What the command line says about policy and delivery. */
export interface DeliveryArguments {
  csp?: true;
  cspFile?: string;
  delivery?: Delivery;
  reportOnly?: true;
  enforce?: string[];
  external?: Record<string, string>;
}

/** The command that publishes a release which takes the worker out of browsers. */
const STAND_DOWN = 'stand-down';

/**
 * @param program the program
 * @returns its new command `stand-down`, without options
 */
export function standDownCommand(program: Command): Command {
  return program
    .command(STAND_DOWN)
    .description('Sign a release that takes the worker out of browsers, and write the plain site to deploy.')
    .addHelpText(
      'after',
      `
Use it to stop using Vouchsafe, for a while or for good. The release that it publishes is signed with the same keys as any other, since
nobody else may turn the worker off. A browser that gets it deletes what the worker stored and unregisters the worker; from then on it loads
the app from its own URLs, where this command writes the files, unverified. Worker and loader stay in the output, because browsers that
come back after a long time ask for them. Leave the site in place, with the metadata, until they all have been there.

To come back, publish again into the same folder: browsers then register the worker anew.

Example:
  vouchsafe stand-down dist --out published`,
    );
}

/**
 * Adds the options about policy and delivery. Standing down has none of them: its pages are the plain ones.
 *
 * @param command `publish`
 */
export function addDeliveryOptions(command: Command): void {
  command
    .option('--csp', 'a strict content security policy for every file, with the hashes of the code in it')
    .option('--csp-file <file>', 'the same, but as a JSON file says: { "trustedTypes", "extend", "reportOnly" }')
    .addOption(
      new Option(
        '--delivery <kind>',
        "what browsers without the worker get: the loader (strict, the default) or the app's own files (progressive)",
      ).choices(['strict', 'progressive']),
    )
    .option('--report-only', 'the worker changes nothing and reports what it would have refused; with progressive delivery')
    .option('--enforce <pattern>', 'files that are enforced all the same (repeatable)', collect)
    .option(
      '--external <url=file>',
      'a file of the folder that is served for a URL of another origin (repeatable)',
      collectExternal,
    );
}

/**
 * @param args the command's arguments
 * @param command the command
 * @returns the options of `publish` that they are
 * @throws `bad-option` when a file that they name cannot be read
 */
export async function deliveryOptions(args: DeliveryArguments, command: Command): Promise<DeliveryOptions> {
  if (command.name() === STAND_DOWN) return { tombstone: true };
  const { csp, cspFile, delivery, reportOnly, enforce, external } = args;
  return { csp: cspFile === undefined ? csp : await readCsp(cspFile), delivery, reportOnly, enforce, external };
}

/**
 * Reads a JSON file that an option names.
 *
 * @param file path
 * @param what the file is, for messages
 * @returns its content
 * @throws `bad-option`
 */
export async function readJson(file: string, what: string): Promise<JsonValue> {
  try {
    return parseJson(await readFile(file));
  } catch (error) {
    throw new PublisherError(
      'bad-option',
      `The ${what} file ${file} cannot be read: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
}

/**
 * Gathers the values of an option that may be repeated.
 *
 * @param value the next one
 * @param before those before it
 */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

async function readCsp(file: string): Promise<CspOptions> {
  const options = await readJson(file, 'policy');
  if (options === null || typeof options !== 'object' || Array.isArray(options))
    throw new PublisherError('bad-option', `The policy file ${file} must hold { "trustedTypes", "extend", "reportOnly" }.`);
  return options as CspOptions;
}

function collectExternal(value: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  // The last one: queries have more of them than file names.
  const at = value.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as URL=file, for example https://cdn.example/lib.js=vendor/lib.js.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}

import type { JsonValue } from '../tuf/json.js';
import { readJson } from './cli-delivery.js';
import { daysInSeconds } from './expiry.js';
import type { PublishOptions } from './publish.js';
import { PublisherError } from './publisher-error.js';
import { checkNames } from './serving-config.js';

/** The options of `publish` that a configuration file may hold: what the site is like, not where it lies. */
type ConfigOptions = Pick<PublishOptions, (typeof SAME)[number] | 'offlineSeconds'>;

const SAME = [
  'activation',
  'lookSeconds',
  'files',
  'navigation',
  'reporting',
  'chunkFrom',
  'codeCache',
  'fallback',
  'passthrough',
  'headers',
  'csp',
  'delivery',
  'reportOnly',
  'enforce',
  'external',
] as const;
// In days, as on the command line.
const OFFLINE_DAYS = 'offlineDays';
const LISTS: readonly string[] = ['files', 'passthrough', 'headers', 'enforce'];
const OBJECTS: readonly string[] = ['navigation', 'reporting', 'external'];
const TEXTS: readonly string[] = ['activation', 'delivery'];

/**
 * Reads the file that `--config` names.
 *
 * @param file path
 * @returns options of `publish`, whose values `publish` checks
 * @throws `bad-option` when it cannot be read, is not strict JSON, or has a name that is no option
 */
export async function readConfig(file: string): Promise<ConfigOptions> {
  const config = await readJson(file, 'configuration');
  checkNames(config, `configuration file ${file}`, [...SAME, OFFLINE_DAYS]);
  const { [OFFLINE_DAYS]: days, ...options } = config as { [name: string]: JsonValue };
  for (const [name, value] of Object.entries(options)) checkKind(file, name, value);
  if (days === undefined) return options as ConfigOptions;
  if (typeof days !== 'number' || days < 0) throw wrong(file, OFFLINE_DAYS, 'a number of days');
  return { ...(options as ConfigOptions), offlineSeconds: daysInSeconds(days) };
}

/** What is in them `publish` checks. It relies on this much, as the types promise it. */
function checkKind(file: string, name: string, value: JsonValue): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (LISTS.includes(name) && !Array.isArray(value)) throw wrong(file, name, 'a list');
  if (OBJECTS.includes(name) && !isObject) throw wrong(file, name, 'an object');
  if (TEXTS.includes(name) && typeof value !== 'string') throw wrong(file, name, 'a text');
  if (name === 'reportOnly' && typeof value !== 'boolean') throw wrong(file, name, 'true or false');
  if (name === 'csp' && typeof value !== 'boolean' && !isObject) throw wrong(file, name, 'true, false or an object');
  if (name === 'fallback' && value !== false && typeof value !== 'string') throw wrong(file, name, 'a text or false');
  if (name === 'codeCache' && value !== false && !Array.isArray(value)) throw wrong(file, name, 'a list or false');
  if ((name === 'passthrough' || name === 'enforce') && (value as JsonValue[]).some((item) => typeof item !== 'string'))
    throw wrong(file, name, 'a list of texts');
}

function wrong(file: string, name: string, kind: string): PublisherError {
  return new PublisherError('bad-option', `The configuration file ${file} must have ${kind} as ${name}.`);
}

import type { Request, VetResult } from '../messages/messages.js';
import { scriptStart, type WorkerConfig } from '../release/config.js';
import { download } from '../tuf/download.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, describe, inWords, type TargetFile } from '../tuf/file.js';
import { DEFAULT_LIMITS } from '../tuf/limits.js';
import { toRefusal } from './refusal.js';
import type { Releases } from './releases.js';
import type { Updates } from './updates.js';
import type { Announce, ViolationLog } from './violation-log.js';

/** Bytes. Longer than any worker script that somebody signs. */
const LONGEST_SCRIPT = 2 ** 24;

/** What vetting needs. */
export interface VetParts {
  readonly config: WorkerConfig;
  readonly registration: ServiceWorkerRegistration;
  readonly releases: Releases;
  readonly updates: Updates;
  readonly violations: ViolationLog;
  readonly announce: Announce;
  /** Sends what was not reported yet. Never rejects. */
  readonly report: () => Promise<void>;
}

/**
 * Compares the worker script on the server with what the signers have signed, and tells every page. A browser replaces a worker by whatever
 * script the server has, and no worker can have a say in that; all that is left is to notice.
 *
 * A server can give this request another answer than the browser's own. The script that this worker is says nothing of one beside it: browsers
 * install a worker only when its bytes, or those that it imports, are others. So such a server has to show a signed script that this worker
 * is not, and there is one only while the signers have a newer one than this browser: then it goes unnoticed.
 *
 * @param parts the worker's
 */
export async function vet(parts: VetParts): Promise<VetResult> {
  const result = await compare(parts);
  // To every page, not only to the one that asked: the new worker may take over before they have an answer of their own.
  await parts.announce({ vouchsafe: 'vetted', vet: result });
  return result;
}

/**
 * Vets a worker that was installed beside this one, if there is one, and lets it take over when it is a signed one. Without this it would
 * wait until the last page is closed, or until a page does the same.
 *
 * @param parts the worker's
 */
export async function vetNext(parts: VetParts): Promise<void> {
  const { installing, waiting } = parts.registration;
  const next = installing ?? waiting;
  if (!next) return;
  // At once: when the other worker has taken over, this one is never asked to look again.
  if (!(await vet(parts)).isSigned) return parts.report();
  const takeOver = (): void => next.postMessage({ vouchsafe: 'take-over' } satisfies Request);
  if (next.state === 'installed') takeOver();
  else next.addEventListener('statechange', () => next.state === 'installed' && takeOver());
}

async function compare({ config, registration, releases, updates, violations }: VetParts): Promise<VetResult> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  const url = worker?.scriptURL ?? '';
  // Not the path of the old script: a script from elsewhere is listed under no name.
  const path = url.startsWith(registration.scope) ? url.slice(registration.scope.length) : '';
  let bytes: Uint8Array;
  try {
    bytes = await download((target, init) => fetch(target, init), url, LONGEST_SCRIPT, DEFAULT_LIMITS, undefined, 'reload');
  } catch (error) {
    if ((error as VouchsafeError).code !== 'too-long') return { isSigned: undefined };
    bytes = new Uint8Array();
  }
  await updates.updateFromNow();
  const signed = [updates.newest?.targets?.files, releases.active?.targets, releases.staged?.targets].flatMap(
    (targets) => targets?.get(path) ?? [],
  );
  // A repository of another tool need not list the worker's own script. One from elsewhere is another matter.
  if (signed.length === 0 && url === registration.active?.scriptURL) return { isSigned: undefined };
  for (const file of signed) if (await isFile(bytes, file)) return { isSigned: isOwn(bytes, config) ? undefined : true };
  const error = new VouchsafeError(
    'verifier-replaced',
    'The program that checks this site was replaced by one that is not signed.',
    {
      url,
      expected: [...new Set(signed.map(inWords))].join(' or ') || 'a script of this site',
      actual: inWords(await describe(bytes)),
    },
  );
  await violations.record(error, 'watch');
  return { isSigned: false, refusal: toRefusal(error) };
}

/** Of a signed script: whether it is the one that runs here. Its first line is nobody's but the signers'. */
function isOwn(bytes: Uint8Array, { build }: WorkerConfig): boolean {
  return build !== undefined && new TextDecoder().decode(bytes).startsWith(`${scriptStart(build)},`);
}

function isFile(bytes: Uint8Array, file: TargetFile): Promise<boolean> {
  return checkFile(bytes, file, {}).then(
    () => true,
    () => false,
  );
}

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
 * Milliseconds between the two looks at a script that nobody has signed. The servers of a CDN have a deployment one after the other, and the
 * browser, the worker and the metadata may each be asked of another one.
 */
export const LOOK_AGAIN_AFTER = 12_000;
/** By the worker that it is about, or the registration. */
const underWay = new WeakMap<object, Promise<VetResult>>();

/**
 * Compares the worker script on the server with what the signers have signed, and tells every page. A browser replaces a worker by whatever
 * script the server has, and no worker can have a say in that; all that is left is to notice. What is not signed is looked at once more, with
 * newer metadata, before anybody is told, unless it takes over meanwhile: a signed worker does not before it is told to.
 *
 * A server can give this request another answer than the browser's own. The script that this worker is says nothing of one beside it: browsers
 * install a worker only when its bytes are others (ours imports nothing). So such a server has to show a signed script that this worker is not, and there is
 * one only while the signers have a newer one than this browser: then it goes unnoticed.
 *
 * @param parts the worker's
 */
export function vet(parts: VetParts): Promise<VetResult> {
  const incoming = incomingOf(parts.registration);
  const about = incoming ?? parts.registration;
  // Each page asks, and again while it has no answer.
  const vetting = underWay.get(about) ?? vetOnce(parts, incoming).finally(() => underWay.delete(about));
  underWay.set(about, vetting);
  return vetting;
}

async function vetOnce(parts: VetParts, incoming: ServiceWorker | null): Promise<VetResult> {
  const result = await lookAgain(parts, incoming);
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
  const next = incomingOf(parts.registration);
  if (!next) return;
  // At once: when the other worker has taken over, this one is never asked to look again.
  if (!(await vet(parts)).isSigned) return parts.report();
  const takeOver = (): void => next.postMessage({ vouchsafe: 'take-over' } satisfies Request);
  if (next.state === 'installed') takeOver();
  else next.addEventListener('statechange', () => next.state === 'installed' && takeOver());
}

async function lookAgain(parts: VetParts, incoming: ServiceWorker | null): Promise<VetResult> {
  let found = await look(parts);
  if (found === 'hidden' || found instanceof VouchsafeError) {
    await untilNextLook(incoming);
    const again = hasTakenOver(incoming) ? 'silence' : await look(parts);
    // A server that says nothing any more takes nothing back.
    if (again !== 'silence') found = again;
  }
  if (found === 'hidden') {
    const url = incoming?.scriptURL ?? '';
    found = replaced(url, 'no worker beside the signed one', 'another one, which only the browser was shown');
  }
  if (!(found instanceof VouchsafeError)) return { isSigned: found === 'signed' || undefined };
  await parts.violations.record(found, 'watch');
  return { isSigned: false, refusal: toRefusal(found) };
}

function untilNextLook(incoming: ServiceWorker | null): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOOK_AGAIN_AFTER);
    incoming?.addEventListener('statechange', () => hasTakenOver(incoming) && resolve());
  });
}

function hasTakenOver(worker: ServiceWorker | null): boolean {
  return worker?.state === 'activating' || worker?.state === 'activated';
}

/**
 * The violation, or that there is none: `unknown` when what the server says does not tell, `silence` when it says nothing, `hidden` when the browser was shown
 * something else.
 */
async function look({
  config,
  registration,
  releases,
  updates,
}: VetParts): Promise<'signed' | 'unknown' | 'silence' | 'hidden' | VouchsafeError> {
  const { active, scope } = registration;
  const incoming = incomingOf(registration);
  const url = (incoming ?? active)?.scriptURL ?? '';
  // Not the path of the old script: a script from elsewhere is listed under no name.
  const path = url.startsWith(scope) ? url.slice(scope.length) : '';
  const bytes = await scriptAt(url);
  if (!bytes) return 'silence';
  await updates.updateFromNow();
  const newest = updates.newest?.targets?.files.get(path);
  const all = [releases.active, releases.staged].map((release) => release?.targets.find(path).catch(() => undefined));
  const signed = [newest, ...(await Promise.all(all))].filter((file) => file !== undefined);
  // A repository of another tool need not list the worker's own script. One from elsewhere is another matter.
  if (signed.length === 0 && url === active?.scriptURL) return 'unknown';
  // The older ones, too: when the signers have moved on, the script that runs here is still no attack.
  if (isOwn(bytes, config) && (await isAnyOf(bytes, [...signed, ...(await releases.older(path))]))) {
    const isNewerSigned = !(await Promise.all((newest ? [newest] : signed).map((file) => isAnyOf(bytes, [file])))).every(Boolean);
    // While there is a newer one, that may be what the browser has.
    return incoming && !isNewerSigned ? 'hidden' : 'unknown';
  }
  return (await isAnyOf(bytes, signed)) ? 'signed' : replacedBy(bytes, signed, url);
}

/** What the server has there now; nothing that is signed when it is too long, undefined when the server says nothing. */
async function scriptAt(url: string): Promise<Uint8Array | undefined> {
  try {
    return await download((target, init) => fetch(target, init), url, LONGEST_SCRIPT, DEFAULT_LIMITS, undefined, 'reload');
  } catch (error) {
    return (error as VouchsafeError).code === 'too-long' ? new Uint8Array() : undefined;
  }
}

async function replacedBy(bytes: Uint8Array, signed: readonly TargetFile[], url: string): Promise<VouchsafeError> {
  const expected = [...new Set(signed.map(inWords))].join(' or ') || 'a script of this site';
  return replaced(url, expected, inWords(await describe(bytes)));
}

function replaced(url: string, expected: string, actual: string): VouchsafeError {
  const message = 'The program that checks this site was replaced by one that is not signed.';
  return new VouchsafeError('verifier-replaced', message, { url, expected, actual });
}

function incomingOf({ installing, waiting }: ServiceWorkerRegistration): ServiceWorker | null {
  return installing ?? waiting;
}

/** Of a signed script: whether it is the one that runs here. Its first line is nobody's but the signers'. */
function isOwn(bytes: Uint8Array, { build }: WorkerConfig): boolean {
  return build !== undefined && new TextDecoder().decode(bytes).startsWith(`${scriptStart(build)},`);
}

async function isAnyOf(bytes: Uint8Array, files: readonly TargetFile[]): Promise<boolean> {
  const checks = files.map((file) =>
    checkFile(bytes, file, {}).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(checks)).includes(true);
}

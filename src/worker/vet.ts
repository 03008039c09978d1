import type { VetResult } from '../messages/messages.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, describe, inWords, type TargetFile } from '../tuf/file.js';
import { toRefusal } from './refusal.js';
import type { Releases } from './releases.js';
import type { Updates } from './updates.js';
import type { ViolationLog } from './violation-log.js';

/**
 * Compares the worker script on the server with what the signers have signed. A browser replaces a worker by whatever script the server has,
 * and no worker can have a say in that; all that is left is to notice.
 *
 * A server can give this request another answer than the browser's own: then it goes unnoticed.
 *
 * @param registration the worker's
 * @param releases says what is signed
 * @param updates looks for what was signed since
 * @param violations told when the script is not a signed one
 */
export async function vet(
  registration: ServiceWorkerRegistration,
  releases: Releases,
  updates: Updates,
  violations: ViolationLog,
): Promise<VetResult> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  const url = worker?.scriptURL ?? '';
  // Not the path of the old script: a script from elsewhere is listed under no name.
  const path = url.startsWith(registration.scope) ? url.slice(registration.scope.length) : '';
  let bytes: Uint8Array;
  try {
    const response = await fetch(url, { cache: 'no-store', redirect: 'error' });
    if (!response.ok) return { isSigned: undefined };
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch {
    return { isSigned: undefined };
  }
  await updates.updateFromNow();
  const signed = [updates.newest?.targets?.files, releases.active?.targets, releases.staged?.targets].flatMap(
    (targets) => targets?.get(path) ?? [],
  );
  // A repository of another tool need not list the worker's script.
  if (signed.length === 0 && path) return { isSigned: undefined };
  for (const file of signed) if (await isFile(bytes, file)) return { isSigned: true };
  const error = new VouchsafeError(
    'verifier-replaced',
    'The program that checks this site was replaced by one that is not signed.',
    {
      url,
      expected: signed.map(inWords).join(' or ') || 'a script of this site',
      actual: inWords(await describe(bytes)),
    },
  );
  await violations.record(error, 'watch');
  return { isSigned: false, refusal: toRefusal(error) };
}

function isFile(bytes: Uint8Array, file: TargetFile): Promise<boolean> {
  return checkFile(bytes, file, {}).then(
    () => true,
    () => false,
  );
}

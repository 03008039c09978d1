import { ED25519_SCRIPT } from '../release/config.js';
import { engineHasEd25519, isWebKit } from '../tuf/ed25519.js';
import type * as Noble from '../tuf/ed25519-noble.js';

/** `vouchsafeEd25519` is set by the script. */
declare const self: ServiceWorkerGlobalScope & { readonly vouchsafeEd25519?: typeof Noble };

/**
 * Imports the script with Ed25519 in JavaScript where the engine has none, or may need it for long messages. To be called while the worker installs:
 * that is the only time when the browser gets a new script for a service worker, which it then keeps for as long as the worker.
 *
 * @throws when the script does not come or is another one; a worker that cannot verify anything must not be installed
 */
export async function installEd25519(): Promise<void> {
  if (await importsEd25519()) noble();
}

/** Whether a worker that is installed in this engine imports the script. */
export async function importsEd25519(): Promise<boolean> {
  return isWebKit() || !(await engineHasEd25519());
}

/**
 * In the standalone worker this stands in for the function of the same name (`vite.config.ts`): most engines need none of its 2.6 KB.
 *
 * @throws when the script was not imported at install, or is another one
 */
export const verifyWithNoble: typeof Noble.verifyWithNoble = async (...signed) => noble().verifyWithNoble(...signed);

/** In this life of the worker the script has not run before it is asked for. */
function noble(): typeof Noble {
  if (!self.vouchsafeEd25519) importScripts(ED25519_SCRIPT);
  if (!self.vouchsafeEd25519) throw new TypeError(`${ED25519_SCRIPT} is another script.`);
  return self.vouchsafeEd25519;
}

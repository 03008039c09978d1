import type { ReleaseSummary, Status, UpdateResult, VerifyResult } from '../messages/messages.js';
import { RefusedError } from './errors.js';
import type { RegisterOptions, Vouchsafe } from './register.js';

export { RefusedError };

/**
 * What `register()` is under Vite's development server, where nothing is signed and no worker runs: the same object, silent.
 *
 * @returns an object without events, whose methods answer as if no release were there
 */
export async function register(_options: RegisterOptions = {}): Promise<Vouchsafe> {
  return new NoWorker();
}

class NoWorker extends EventTarget implements Vouchsafe {
  get registration(): ServiceWorkerRegistration {
    throw new RefusedError({ code: 'unsupported', message: 'No worker runs under the development server.', facts: {} });
  }

  async status(): Promise<Status> {
    return {
      life: 'development',
      freshness: 'empty',
      releases: [],
      keys: {},
      activation: 'navigation',
      storage: { kept: 'memory' },
      clockBehind: 0,
      filesVerified: 0,
      violations: [],
    };
  }

  async update(): Promise<UpdateResult> {
    return { outcome: 'current' };
  }

  async activate(): Promise<ReleaseSummary | undefined> {
    return undefined;
  }

  async reload(): Promise<void> {
    location.reload();
  }

  async verify(): Promise<VerifyResult> {
    return { files: 0, bytes: 0, healed: [], failed: [] };
  }
}

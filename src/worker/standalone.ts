/**
 * The worker script that `vouchsafe publish` writes: its first line sets `self.vouchsafe`, the rest is this file, bundled, with
 * `ed25519-script.ts` in the place of `tuf/ed25519-noble.ts`.
 */
import type { WorkerConfig } from '../release/config.js';
import { installEd25519 } from './ed25519-script.js';
import { startWorker } from './start.js';

declare const self: ServiceWorkerGlobalScope & { readonly vouchsafe: WorkerConfig };

self.addEventListener('install', (event) => event.waitUntil(installEd25519()));
startWorker(self.vouchsafe);

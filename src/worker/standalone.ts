/**
 * The worker script that `vouchsafe publish` writes: its first line sets `self.vouchsafe`, the rest is this file, bundled.
 */
import type { WorkerConfig } from '../release/config.js';
import { startWorker } from './start.js';

declare const self: ServiceWorkerGlobalScope & { readonly vouchsafe: WorkerConfig };

startWorker(self.vouchsafe);

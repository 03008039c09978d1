import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sample } from './report.js';
import { type BenchClient, CLIENTS, type ClientName } from './tuf-clients.js';

/** Asks a child process for one run with one client. */
export interface RunRequest {
  readonly client: ClientName;
  /** Base64, as this crosses processes as JSON. */
  readonly root: string;
  readonly url: string;
  /** Looked up: the first one at first, then all of them again and again. */
  readonly paths: readonly string[];
  /** How many look-ups to take the time of once everything is loaded. None: only the first refresh is measured. */
  readonly lookups: number;
}

/** What is measured in a run, in this order. */
export const MEASURES = ['cold refresh', 'no-change refresh', 'first look-up', 'look-up, loaded'] as const;
export type Measure = (typeof MEASURES)[number];

/** Sent as soon as it is known, so that a run that is stopped has told what it could. */
export type RunReport = ({ readonly measure: Measure } & Sample) | { readonly done: true } | { readonly error: string };

process.on('message', (request: RunRequest) => {
  run(request).then(
    () => report({ done: true }),
    (error: unknown) => report({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

async function run({ client, root, url, paths, lookups }: RunRequest): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-bench-'));
  const setting = { root: Buffer.from(root, 'base64'), url, folder };
  const kind = CLIENTS[client];
  try {
    kind.prepare(setting);
    await measure('cold refresh', 1, () => kind.create(setting).refresh());
    if (lookups === 0) return;
    let second = kind.create(setting);
    await measure('no-change refresh', 1, () => {
      second = kind.create(setting);
      return second.refresh();
    });
    const [first = ''] = paths;
    await measure('first look-up', 1, () => find(second, first));
    for (const path of paths) await find(second, path);
    const findAgain = async (times: number) => {
      for (let i = 0; i < times; i++) await second.find(paths[i % paths.length] ?? first);
    };
    // Engines compile what is called often; a part of the look-ups is for that.
    await findAgain(lookups / 2);
    await measure('look-up, loaded', lookups, () => findAgain(lookups));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A client that found nothing would be fast. */
async function find(client: BenchClient, path: string): Promise<void> {
  if (!(await client.find(path))?.length) throw new Error(`${path} was not found.`);
}

async function measure(name: Measure, times: number, action: () => Promise<unknown>): Promise<void> {
  globalThis.gc?.();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await action();
  const ms = (performance.now() - start) / times;
  const { user, system } = process.cpuUsage(cpuBefore);
  await report({ measure: name, ms, cpuMs: (user + system) / 1000 / times });
}

/** Waits until it is sent: what comes next may keep this process from sending for minutes. */
function report(message: RunReport): Promise<void> {
  return new Promise((resolve, reject) =>
    process.send?.(message, undefined, undefined, (error) => (error ? reject(error) : resolve())),
  );
}

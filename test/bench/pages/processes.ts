import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** What the processes of a browser have used so far, as Linux counts it. */
export interface Usage {
  /** Milliseconds of processor time by thread. */
  readonly threads: ReadonlyMap<string, { readonly ms: number; readonly kind: ThreadKind }>;
}

type ThreadKind = 'main' | 'worker' | 'renderer' | 'other';

/** Milliseconds of processor time. */
export interface Spent {
  /** Main threads of renderers: where pages run. */
  readonly main: number;
  /** Threads of service workers. */
  readonly worker: number;
  /** Everything: renderers, their helpers, network, storage, the browser itself. */
  readonly all: number;
}

/** @returns the usage of a process and all that descend from it; empty on systems without `/proc` */
export function usageOf(pid: number): Usage {
  const threads = new Map<string, { ms: number; kind: ThreadKind }>();
  for (const process of familyOf(pid)) {
    const isRenderer = (read(`/proc/${process}/cmdline`) ?? '').includes('--type=renderer');
    for (const thread of list(`/proc/${process}/task`)) {
      const path = `/proc/${process}/task/${thread}`;
      const nanoseconds = Number(read(`${path}/schedstat`)?.split(' ', 1)[0]);
      const name = read(`${path}/comm`);
      if (name === undefined || Number.isNaN(nanoseconds)) continue;
      const inRenderer = name.startsWith('ServiceWorker') ? 'worker' : thread === process ? 'main' : 'renderer';
      threads.set(thread, { ms: nanoseconds / 1e6, kind: isRenderer ? inRenderer : 'other' });
    }
  }
  return { threads };
}

/** @returns what was used between two looks. What a thread used that ended in between is not known */
export function spentBetween(before: Usage, after: Usage): Spent {
  const spent = { main: 0, worker: 0, all: 0 };
  for (const [thread, { ms, kind }] of after.threads) {
    const used = ms - (before.threads.get(thread)?.ms ?? 0);
    spent.all += used;
    if (kind === 'main' || kind === 'worker') spent[kind] += used;
  }
  return spent;
}

/** Waits until the processes do next to nothing, or for three seconds. */
export async function settle(pid: number): Promise<void> {
  const started = performance.now();
  let quiet = 0;
  let before = usageOf(pid);
  while (quiet < 2 && performance.now() - started < 3_000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = usageOf(pid);
    quiet = spentBetween(before, after).all < 6 ? quiet + 1 : 0;
    before = after;
  }
}

/** @returns MiB in memory, pages shared with other processes counted in parts: of all processes and of the renderers among them */
export function memoryOf(pid: number): { readonly all: number; readonly renderers: number } {
  const memory = { all: 0, renderers: 0 };
  for (const process of familyOf(pid)) {
    const mib = Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${process}/smaps_rollup`) ?? '')?.[1] ?? 0) / 1024;
    memory.all += mib;
    if ((read(`/proc/${process}/cmdline`) ?? '').includes('--type=renderer')) memory.renderers += mib;
  }
  return memory;
}

/** Starts to watch the renderers' memory. @returns tells by how many MiB they have been above now at most, each at its own peak */
export function watchPeak(pid: number): () => number {
  const before = new Map<string, number>();
  for (const process of renderersOf(pid)) {
    // Sets the peak back to what is used now.
    writeFileSync(`/proc/${process}/clear_refs`, '5');
    before.set(process, statusOf(process, 'VmRSS'));
  }
  return () =>
    renderersOf(pid).reduce((sum, process) => sum + Math.max(0, statusOf(process, 'VmHWM') - (before.get(process) ?? 0)), 0);
}

function renderersOf(pid: number): string[] {
  return familyOf(pid).filter((process) => (read(`/proc/${process}/cmdline`) ?? '').includes('--type=renderer'));
}

function statusOf(process: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(read(`/proc/${process}/status`) ?? '')?.[1] ?? 0) / 1024;
}

function familyOf(pid: number): string[] {
  const children = new Map<string, string[]>();
  for (const process of list('/proc')) {
    if (!/^\d+$/.test(process)) continue;
    // The second field, the name, is in parentheses and may have anything in it.
    const parent = read(`/proc/${process}/stat`)?.split(') ').pop()?.split(' ')[1];
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), process]);
  }
  const family: string[] = [];
  const waiting = [String(pid)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    family.push(next);
    waiting.push(...(children.get(next) ?? []));
  }
  return family;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Processes and threads may end at any moment. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

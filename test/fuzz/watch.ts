import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Seconds of processor time that one call may take, and far more than any needs. */
export const CALL_SECONDS = 2;
/** Kilobytes by which one call may make the process grow. */
export const GROWTH = 256 * 1024;
/** Seconds that the child may take before its first call. */
const START_SECONDS = 120;
/** Megabytes of JavaScript objects, and bytes of everything together, that the process may take. */
const HEAP = 512;
const RSS = 1.5 * 2 ** 30;

/** What the child does. */
export interface Job {
  readonly seconds: number;
  readonly seed: number;
  /** Campaigns by name; none means all. */
  readonly only: readonly string[];
  /** Seconds on the clock after which a call counts as hanging. */
  readonly patience: number;
  /** A saved input to run instead. */
  readonly replay: string | undefined;
  /** The file for the input of the call under way. */
  readonly current: string;
}

/** What the child says. */
export type Message =
  | { readonly progress: { readonly campaign: string; readonly calls: number; readonly rss: number } }
  | { readonly find: { readonly campaign: string; readonly seed: number; readonly input: string; readonly reason: string } };

/** An input that something is wrong with. */
export interface Find {
  readonly reason: string;
  /** Where the input is saved, if a call was under way. */
  readonly file: string | undefined;
}

/**
 * Runs campaigns in a process of their own, since an input may hang it, crash it or use up its memory.
 *
 * @param job what to run
 * @param child path of the child's compiled script
 * @param folder where the input is saved when something is found
 * @param onProgress called after each campaign's turn
 * @returns what was found, or undefined
 */
export function watch(
  job: Omit<Job, 'current'>,
  child: string,
  folder: string,
  onProgress: (progress: { readonly campaign: string; readonly calls: number; readonly rss: number }) => void,
): Promise<Find | undefined> {
  mkdirSync(folder, { recursive: true });
  const current = join(folder, `current-${process.pid}.txt`);
  writeFileSync(current, '');
  const running = fork(child, [JSON.stringify({ ...job, current } satisfies Job)], {
    execArgv: [`--max-old-space-size=${HEAP}`, '--enable-source-maps'],
  });
  return new Promise((resolve) => {
    let find: Find | undefined;
    let seen = '';
    let since = performance.now();
    const timer = setInterval(() => {
      const [note = ''] = readFileSync(current, 'utf8').split('\n', 1);
      if (note !== seen) [seen, since] = [note, performance.now()];
      const patience = seen === '' ? START_SECONDS : job.patience;
      if (performance.now() - since > patience * 1000) end(`no answer for ${patience} seconds`);
    }, 500);
    const end = (reason: string): void => {
      find ??= { reason, file: saveCurrent(current, folder) };
      running.kill('SIGKILL');
    };
    running.on('message', (message: Message) => {
      if ('progress' in message) {
        onProgress(message.progress);
        if (message.progress.rss > RSS) end(`${Math.round(message.progress.rss / 2 ** 20)} MB of memory`);
        return;
      }
      const { campaign, seed, input, reason } = message.find;
      const note = JSON.stringify({ campaign, seed });
      find = { reason, file: save(folder, campaign, seed, `${note}\n${input}\n`) };
    });
    running.on('exit', (code, signal) => {
      clearInterval(timer);
      if (code !== 0 && !find) end(`the process ended with ${signal ?? `code ${code}`}`);
      rmSync(current);
      resolve(find);
    });
  });
}

function saveCurrent(current: string, folder: string): string | undefined {
  const [note = '', input = ''] = readFileSync(current, 'utf8').split('\n', 2);
  if (note === '') return undefined;
  const { campaign, seed } = JSON.parse(note) as { campaign: string; seed: number };
  return save(folder, campaign, seed, `${note}\n${input}\n`);
}

function save(folder: string, campaign: string, seed: number, content: string): string {
  const file = join(folder, `${campaign}-${seed}.txt`);
  writeFileSync(file, content);
  return file;
}

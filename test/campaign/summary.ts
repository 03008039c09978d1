import type { FullResult, Reporter, Suite, TestCase, TestResult } from '@playwright/test/reporter';

/** How many kills of a phase and a kind ended how. */
interface Row {
  whole: number;
  broken: number;
  /** Moments that never came. */
  skipped: number;
}

/** Says how each kill ended, and at the end how many of them did. */
export default class Summary implements Reporter {
  readonly #rows = new Map<string, Row>();
  readonly #broken: string[] = [];
  #done = 0;
  #all = 0;

  onBegin(_config: unknown, suite: Suite): void {
    this.#all = suite.allTests().length;
  }

  onTestEnd({ title }: TestCase, { status, duration, errors }: TestResult): void {
    const end = status === 'passed' ? 'whole' : status === 'skipped' ? 'skipped' : 'broken';
    const [name = title] = title.split(',', 1);
    const row = this.#rows.get(name) ?? { whole: 0, broken: 0, skipped: 0 };
    row[end]++;
    this.#rows.set(name, row);
    this.#done++;
    console.log(`${this.#done}/${this.#all} ${end.padEnd(7)} ${title} (${(duration / 1000).toFixed(1)} s)`);
    if (end !== 'broken') return;
    this.#broken.push(title);
    for (const { message, stack } of errors) console.log(stack ?? message);
  }

  /** An error outside of every test, such as a file that does not compile. */
  onError({ message, stack }: { message?: string; stack?: string }): void {
    console.log(stack ?? message);
  }

  onEnd({ status }: FullResult): void {
    console.log(`\n${''.padEnd(44)}  whole  broken  skipped`);
    for (const [name, { whole, broken, skipped }] of [...this.#rows].sort(([a], [b]) => a.localeCompare(b))) {
      console.log(`${name.padEnd(44)} ${String(whole).padStart(6)} ${String(broken).padStart(7)} ${String(skipped).padStart(8)}`);
    }
    for (const title of this.#broken) console.log(`broken: ${title}`);
    console.log(status);
  }

  /** What this prints is enough. */
  printsToStdio(): boolean {
    return true;
  }
}

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chart } from './pages/pages-report.js';

const DOCUMENT = 'docs/performance.md';
/** Where its charts are, from there. */
export const CHARTS = 'performance';

/**
 * Puts a suite's newest run into the document, in the place of the one before.
 *
 * @param suite whose place: between `<!-- suite -->` and `<!-- end of suite -->`
 * @param markdown the tables
 * @param charts the images that it shows
 * @throws Error when the document has no place for this suite
 */
export function writeDocument(suite: string, markdown: string, charts: readonly Chart[] = []): void {
  const next = withSection(readFileSync(DOCUMENT, 'utf8'), suite, markdown);
  if (charts.length > 0) {
    const folder = join(dirname(DOCUMENT), CHARTS);
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    for (const { name, svg } of charts) writeFileSync(join(folder, name), svg);
  }
  writeFileSync(DOCUMENT, next);
}

/** @returns the document with this text in the suite's place @throws Error when there is none */
export function withSection(document: string, suite: string, text: string): string {
  const [begin, end] = [`<!-- ${suite} -->`, `<!-- end of ${suite} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The document has no place for ${suite}.`);
  return `${document.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}

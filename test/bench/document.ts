import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chart } from './pages/pages-report.js';

const DOCUMENT = 'docs/performance.md';
const CHARTS = 'docs/performance';

/**
 * Puts a suite's newest run into the document, in the place of the one before.
 *
 * @param suite whose place: between `<!-- suite -->` and `<!-- end of suite -->`
 * @param markdown the tables
 * @param charts images to show above them
 * @throws Error when the document has no place for this suite
 */
export function writeDocument(suite: string, markdown: string, charts: readonly Chart[] = []): void {
  const document = readFileSync(DOCUMENT, 'utf8');
  const next = withSection(
    document,
    suite,
    `${charts.map(({ name, title }) => `![${title}](performance/${name})\n\n`).join('')}${markdown}`,
  );
  if (charts.length > 0) {
    mkdirSync(CHARTS, { recursive: true });
    for (const name of readdirSync(CHARTS)) rmSync(join(CHARTS, name));
    for (const { name, svg } of charts) writeFileSync(join(CHARTS, name), svg);
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

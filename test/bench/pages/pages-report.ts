import { type Circumstances, machineInWords } from '../report.js';
import { barChart, inDigits } from './chart.js';
import { GOALS, type Goal } from './goals.js';
import type { PagesOutcome, PagesResult } from './pages-suite.js';
import { OURS } from './peers.js';

/** What a run of the suite has found, and where. */
export interface PagesReport extends PagesOutcome, Circumstances {
  readonly suite: string;
  readonly rounds: number;
}

/** An image and the name of its file. */
export interface Chart {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

function circumstancesInWords(report: PagesReport): string {
  const versions = Object.entries(report.peers).map(([name, version]) => `${name} ${version}`);
  return `${machineInWords(report)} ${report.browser}; ${versions.join(', ')}. Medians (lower to upper quartile) of ${report.rounds} rounds; after the semicolon the ratio to Workbox, or to the trivial worker.`;
}

/**
 * @param reports of one run or several; where two have measured the same, the goals and charts are of the first
 * @param folder where the charts are, if they are to be shown
 * @returns tables in Markdown: the goals, then each action
 */
export function pagesMarkdown(reports: readonly PagesReport[], folder?: string): string {
  const parts: string[] = [];
  const images = new Map(pagesCharts(reports).map(({ name, title }) => [name, `![${title}](${folder}/${name})`]));
  const goals = goalLines(reports);
  if (goals.length > 0) parts.push('### Goals', table(['', 'goal', 'measured', ''], goals));
  for (const report of reports) {
    const cases = [...new Set(report.results.map((result) => result.case))];
    parts.push(`### ${cases.join(', ')}`, circumstancesInWords(report));
    for (const group of groupsOf(report.results)) {
      const measures = [...new Set(group.results.map(({ measure }) => measure))];
      const peers = [...new Set(group.results.map(({ peer }) => peer))];
      const rows = peers.map((peer) => [
        peer,
        ...measures.map((measure) => cell(group.results.find((result) => result.peer === peer && result.measure === measure))),
      ]);
      const name = chartOf(group)?.name ?? '';
      const image = images.get(name);
      parts.push(`#### ${group.title}`, ...(folder && image ? [image] : []), table(['', ...measures], rows));
      images.delete(name);
    }
  }
  return `${parts.join('\n\n')}\n`;
}

/** @param reports as for the tables @returns an image for each action's most telling measure */
export function pagesCharts(reports: readonly PagesReport[]): Chart[] {
  const charts = new Map<string, Chart>();
  for (const group of reports.flatMap(({ results }) => groupsOf(results))) {
    const chart = chartOf(group);
    if (chart && !charts.has(chart.name)) charts.set(chart.name, chart);
  }
  return [...charts.values()];
}

function chartOf(group: Group): Chart | undefined {
  const measure = ['loaded', 'time', 'first byte', 'bytes, brotli'].find((name) =>
    group.results.some((result) => result.measure === name),
  );
  const shown = group.results.filter((result) => result.measure === measure);
  const [first] = shown;
  if (first === undefined || shown.length < 2) return undefined;
  const bars = shown.map(({ peer, spread }) => ({ label: peer, ...spread, isOurs: peer === OURS }));
  const title = `${group.title}: ${measure}`;
  const name = `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
  return { name, title, svg: barChart(title, first.unit, bars) };
}

interface Group {
  readonly title: string;
  readonly results: readonly PagesResult[];
}

function groupsOf(results: readonly PagesResult[]): Group[] {
  const groups = new Map<string, PagesResult[]>();
  for (const result of results) {
    const title = [result.case, result.action, ...(result.network ? [result.network] : [])].join(', ');
    groups.set(title, [...(groups.get(title) ?? []), result]);
  }
  return [...groups].map(([title, members]) => ({ title, results: members }));
}

function cell(result: PagesResult | undefined): string {
  if (!result) return '';
  const { spread, unit, ratio } = result;
  const range = spread.runs > 1 ? ` (${inDigits(spread.lower)} to ${inDigits(spread.upper)})` : '';
  return `${inDigits(spread.median)} ${unit}${range}${ratio === undefined ? '' : `; ${ratio.toFixed(2)}`}`;
}

function goalLines(reports: readonly PagesReport[]): string[][] {
  return GOALS.flatMap(({ words, most, unit, measured }: Goal) => {
    const value = reports.map(({ results }) => measured(results)).find((found) => found !== undefined);
    if (value === undefined) return [];
    const outcome = value <= most ? 'met' : `missed by ${Math.round(100 * (value / most - 1))} %`;
    const show = (number: number) => (unit === '' ? number.toFixed(2) : `${inDigits(number)} ${unit}`);
    return [[words, `at most ${show(most)}`, show(value), outcome]];
  });
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One bar: a median and its quartiles. */
export interface Bar {
  readonly label: string;
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** Stands out. */
  readonly isOurs: boolean;
}

const WIDTH = 720;
const LABELS = 190;
const NUMBERS = 130;
const ROW = 24;
const TOP = 46;

/**
 * @param title what is shown
 * @param unit of all bars
 * @param bars from above
 * @returns an SVG image of lying bars, with a line from the lower to the upper quartile
 */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ median, upper }) => Math.max(median, upper)), Number.MIN_VALUE);
  const scale = (value: number) => ((WIDTH - LABELS - NUMBERS) * value) / most;
  const rows = bars.map(({ label, median, lower, upper, isOurs }, index) => {
    const y = TOP + index * ROW;
    const [from, to] = [LABELS + scale(lower), LABELS + scale(upper)].map((x) => x.toFixed(1));
    return [
      `<text x="${LABELS - 8}" y="${y + 14}" text-anchor="end"${isOurs ? ' font-weight="bold"' : ''}>${escaped(label)}</text>`,
      `<rect x="${LABELS}" y="${y + 3}" width="${scale(median).toFixed(1)}" height="${ROW - 8}" fill="${isOurs ? '#1a7f5a' : '#9aa7b4'}"/>`,
      `<path d="M${from} ${y + 11}H${to}M${from} ${y + 7}v8M${to} ${y + 7}v8" stroke="#22303c" fill="none"/>`,
      `<text x="${(LABELS + scale(Math.max(median, upper)) + 8).toFixed(1)}" y="${y + 14}">${inDigits(median)} ${unit}</text>`,
    ].join('\n');
  });
  const height = TOP + bars.length * ROW + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#22303c">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="12" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`;
}

/** @returns three digits, with separators */
export function inDigits(value: number): string {
  return Number(value.toPrecision(value >= 1000 ? Math.ceil(Math.log10(value)) : 3)).toLocaleString('en', {
    maximumFractionDigits: 3,
  });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

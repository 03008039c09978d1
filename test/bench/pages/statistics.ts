/** What many runs have in common. */
export interface Spread {
  readonly median: number;
  /** A quarter of the runs is below. */
  readonly lower: number;
  /** A quarter is above. */
  readonly upper: number;
  readonly runs: number;
}

/** @returns median and quartiles, between two runs where they fall between (as R and NumPy do), or undefined without runs */
export function spreadOf(runs: readonly number[]): Spread | undefined {
  if (runs.length === 0) return undefined;
  const sorted = [...runs].sort((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const low = sorted[Math.floor(place)] ?? 0;
    const high = sorted[Math.ceil(place)] ?? low;
    return low + (high - low) * (place - Math.floor(place));
  };
  return { median: at(0.5), lower: at(0.25), upper: at(0.75), runs: runs.length };
}

/** Runs of many measures, as they come. */
export class Samples {
  readonly #runs = new Map<string, number[]>();

  /** @param key names the measure, with all that it depends on */
  add(key: readonly string[], value: number): void {
    const name = JSON.stringify(key);
    this.#runs.set(name, [...(this.#runs.get(name) ?? []), value]);
  }

  /** @returns each measure with its spread, in the order in which they first came */
  spreads(): { readonly key: readonly string[]; readonly spread: Spread }[] {
    return [...this.#runs].flatMap(([name, runs]) => {
      const spread = spreadOf(runs);
      return spread ? [{ key: JSON.parse(name) as string[], spread }] : [];
    });
  }
}

/** What a measurement gave: a number, or a word that says why there is none. */
export type Figure = number | 'stalls' | 'failed' | '–';

/** The median of the numbers, where most are numbers; else the word of the others. */
export function medianFigure(figures: readonly Figure[]): Figure {
  const numbers = figures.filter((figure): figure is number => typeof figure === 'number').sort((a, b) => a - b);
  const word = figures.find((figure) => typeof figure !== 'number');
  if (word !== undefined && numbers.length * 2 <= figures.length) return word;
  return numbers[Math.floor(numbers.length / 2)] ?? 'failed';
}

/** How many times `base` goes into `figure`; undefined where that is no number. */
export function ratioOf(figure: Figure | undefined, base: Figure | undefined): number | undefined {
  if (typeof figure !== 'number' || typeof base !== 'number') return undefined;
  const ratio = figure / base;
  return Number.isFinite(ratio) ? ratio : undefined;
}

import type { Finding } from './finding.js';

/** What a run of `bench:gap` must show. */
export interface GapExpectation {
  readonly streams: readonly string[];
  /** Gaps of each. */
  readonly gaps: number;
}

const number = /^-?\d[\d,]*(\.\d+)?( ?(ms|s|×))?$/;
// Gaps, three times and what was lost; the ratio to Panelet is empty for Panelet itself.
const leastCells = 5;

/** Looks for each stream's row in the printed table, with all its numbers; how large they are does not matter. */
export function gapFindings(output: string, { streams, gaps }: GapExpectation): readonly Finding[] {
  const rows = output.split('\n').map((line) => line.trimEnd().split(/ {2,}/));
  return streams.map((name) => {
    const cells = rows.find(([first]) => first === name)?.slice(1);
    return { name: `gap of ${name}`, problem: problemOf(cells, gaps) };
  });
}

function problemOf(cells: readonly string[] | undefined, gaps: number): string | undefined {
  if (cells === undefined) return 'The row is missing.';
  if (cells.length < leastCells) return `Only ${cells.length} of ${leastCells} numbers.`;
  const wrong = cells.filter((cell) => !number.test(cell));
  if (wrong.length > 0) return `No numbers: ${wrong.join(', ')}.`;
  return cells[0] === String(gaps) ? undefined : `${cells[0] ?? 'No'} gaps of ${gaps}.`;
}

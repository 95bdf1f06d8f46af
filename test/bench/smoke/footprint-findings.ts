import type { Finding } from './finding.js';

/** Programs of which `bench:footprint` must print times of starts, and memory. */
export interface FootprintExpectation {
  readonly started: readonly string[];
  readonly held: readonly string[];
}

const ms = /^\d+(\.\d+)? (ms|s)$/;
const bytes = /^\d+(\.\d+)? MiB$/;
const ratio = /^\d+\.\d\d ×$/;

/** Looks for each program's rows in the printed tables, with all their numbers; how large they are does not matter. */
export function footprintFindings(output: string, { started, held }: FootprintExpectation): readonly Finding[] {
  const rows = output.split('\n').map((line) => line.trim().split(/ {2,}/));
  const find = (what: string, name: string, forms: readonly RegExp[]): Finding => {
    const isRow = (cells: readonly string[]): boolean =>
      cells.length === forms.length && forms.every((form, at) => form.test(cells[at] ?? ''));
    const found = rows.some(([first, ...cells]) => first === name && isRow(cells));
    return { name: `${what} of ${name}`, problem: found ? undefined : 'No row with all its numbers.' };
  };
  return [
    ...started.map((name) => find('start', name, [ms, ms, ratio])),
    ...held.map((name) => find('memory', name, [bytes, ratio, bytes, bytes])),
  ];
}

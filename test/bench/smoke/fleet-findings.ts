import type { Finding } from './finding.js';

const forms = [
  /^\d+(\.\d+)? (ms|s)$/,
  /^\d+\.\d\d ×$/,
  /^\d+\.\d$/,
  /^\d+$/,
  /^\d+\.\d\d$/,
  /^\d+(\.\d+)? MiB$/,
  /^\d+ s$/,
  /^[a-zA-Z]+ \w+ \d+\.\d\d(, [a-zA-Z]+ \w+ \d+\.\d\d)*$/,
];
/** A table for each order: beside the old pod, and after it. */
const tables = 2;

/** Looks in the printed tables of `bench:fleet` for the row of each number of pods; how large its numbers are does not matter. */
export function fleetFindings(output: string, pods: readonly number[]): readonly Finding[] {
  const rows = output.split('\n').map((line) => line.trim().split(/ {2,}/));
  return pods.map((count) => {
    const found = rows.filter(([first]) => first === String(count)).map((row) => row.slice(1));
    const isWhole = (cells: readonly string[]): boolean =>
      cells.length === forms.length && forms.every((form, at) => form.test(cells[at] ?? ''));
    const hasAll = found.length === tables && found.every(isWhole);
    return { name: `restart of ${count} pods`, problem: hasAll ? undefined : 'No row with all its numbers.' };
  });
}

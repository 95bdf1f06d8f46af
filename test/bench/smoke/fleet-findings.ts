import type { Finding } from './finding.js';

const forms = [
  /^\d+(\.\d+)? (ms|s)$/,
  /^\d+\.\d\d ×$/,
  /^\d+\.\d$/,
  /^\d+$/,
  /^\d+\.\d\d$/,
  /^\d+(\.\d+)? MiB$/,
  /^\d+ s$/,
];

/** Looks in the printed table of `bench:fleet` for the row of each number of pods; how large its numbers are does not matter. */
export function fleetFindings(output: string, pods: readonly number[]): readonly Finding[] {
  const rows = output.split('\n').map((line) => line.trim().split(/ {2,}/));
  return pods.map((count) => {
    const cells = rows.find(([first]) => first === String(count))?.slice(1) ?? [];
    const hasAll = cells.length === forms.length && forms.every((form, at) => form.test(cells[at] ?? ''));
    return { name: `restart of ${count} pods`, problem: hasAll ? undefined : 'No row with all its numbers.' };
  });
}

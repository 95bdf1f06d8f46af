import { parse } from 'node:path';

// What rotation appends: .1, .2, -20260131, .2026-01-31T10:00:00Z, … Not .gz: compressed content is not continued.
const suffixPattern = /^[._-]\d[\dTZ:._-]*$/;

/** True when rotation gives such a name to the file called `current`: app.log → app.log.1, app.log-20260131, app-20260131.log. */
export function isRotatedName(current: string, name: string): boolean {
  return rotationSuffix(current, name) !== undefined;
}

function rotationSuffix(current: string, name: string): string | undefined {
  const { name: stem, ext } = parse(current);
  const candidates = [
    name.startsWith(current) ? name.slice(current.length) : '',
    ext !== '' && name.startsWith(stem) && name.endsWith(ext) ? name.slice(stem.length, -ext.length) : '',
  ];
  return candidates.find((suffix) => suffixPattern.test(suffix));
}

/** A rotated file, as far as its age shows. */
export interface Aged {
  readonly name: string;
  /** Time of the last write, in nanoseconds. */
  readonly modifiedNs: bigint;
}

/**
 * Orders rotated files of `current` from the oldest: by number where both have one (.2 is older than .1), else by the
 * time of the last write, else by name. The current file is the youngest.
 */
export function compareAge(current: string, a: Aged, b: Aged): number {
  const numberA = rotationNumber(current, a.name);
  const numberB = rotationNumber(current, b.name);
  if (numberA !== undefined && numberB !== undefined) return numberB - numberA;
  if (a.modifiedNs !== b.modifiedNs) return a.modifiedNs < b.modifiedNs ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function rotationNumber(current: string, name: string): number | undefined {
  if (name === current) return 0;
  const suffix = rotationSuffix(current, name);
  // Longer ones are dates.
  return suffix !== undefined && /^\.\d{1,4}$/.test(suffix) ? Number(suffix.slice(1)) : undefined;
}

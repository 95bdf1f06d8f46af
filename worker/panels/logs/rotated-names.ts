import { parse } from 'node:path';

// What rotation puts between or behind: .1, -20260131, .2026-01-31T10:00:00Z, __2026-01-31_00-00-00, .old, …
// Not .gz: compressed content is not continued.
const suffixPattern = /^(?:[._-]+\d[\dTZ:._+-]*|\.(?:old|prev|bak))$/;
/** Digits that make a date. A shorter number between name and extension may be that of another program's log: app-2.log. */
export const dateDigits = 6;

/** What a name says about a file that rotation may have made. */
export interface RotatedName {
  /** What was added to the name. */
  readonly suffix: string;
  /** The number in `.1`, `.2`, …; not that of a date. */
  readonly number: number | undefined;
  /** False when the log of another program may have such a name. */
  readonly isCertain: boolean;
}

/**
 * Reads the name of a rotated file of the one called `current`: app.log → app.log.1, app.log-20260131, app-20260131.log,
 * app__2026-01-31_00-00-00.log. @returns undefined for every other name.
 */
export function readRotatedName(current: string, name: string): RotatedName | undefined {
  const { name: stem, ext } = parse(current);
  const behind = name.startsWith(current) ? name.slice(current.length) : '';
  if (suffixPattern.test(behind)) return { suffix: behind, number: numberOf(behind), isCertain: true };
  const hasBoth = ext !== '' && name.startsWith(stem) && name.endsWith(ext);
  const between = hasBoth ? name.slice(stem.length, -ext.length) : '';
  if (!suffixPattern.test(between)) return undefined;
  const isCertain = between.replace(/\D/g, '').length >= dateDigits;
  return { suffix: between, number: numberOf(between), isCertain };
}

/** True when rotation gives such a name to the file called `current`. */
export function isRotatedName(current: string, name: string): boolean {
  return readRotatedName(current, name) !== undefined;
}

/** Names that the usual rotation by number gives, where a directory cannot be listed. */
export function guessRotatedNames(current: string): readonly string[] {
  const { name: stem, ext } = parse(current);
  const numbers = Array.from({ length: 10 }, (_, number) => number);
  const between = ext === '' ? [] : numbers.map((number) => `${stem}.${number}${ext}`);
  return [`${current}.old`, ...numbers.map((number) => `${current}.${number}`), ...between];
}

function numberOf(suffix: string): number | undefined {
  return /^[._-]\d{1,4}$/.test(suffix) ? Number(suffix.slice(1)) : undefined;
}

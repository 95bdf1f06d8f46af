import type { Writable } from 'node:stream';
import { stringify } from 'yaml';

/** The forms that `--output` takes; `name` is for lists only, `wide` is `table` where there is nothing to add. */
export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;

/** How results are written. */
export type OutputFormat = (typeof outputFormats)[number];

/** A result: for machines one JSON or YAML document, for people a table or lines. */
export interface OutputDocument {
  /** Shape of the JSON document. Fields are added, never renamed or removed. */
  readonly json: unknown;
  /** Of a list: what each thing is called, as another command takes it. */
  readonly names?: readonly string[];
  /** Lines for people. */
  readonly lines: readonly string[];
  /** Lines for people with room. @default lines */
  readonly wide?: readonly string[];
}

function cellText(cell: string): string {
  const plain = cell.replace(/\p{Cc}+/gu, ' ').trim();
  return plain === '' ? '-' : plain;
}

/**
 * Lines of a table with aligned columns; upper-case headings, two spaces between. Empty cells show as `-`, control
 * characters as spaces: a cell may come from somebody else's session. */
export function tableLines(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [headings, ...rows.map((row) => row.map(cellText))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Writes a result as one document. */
export function writeDocument(out: Writable, format: OutputFormat, document: OutputDocument): void {
  const { json, names, lines, wide = lines } = document;
  if (format === 'json') out.write(`${JSON.stringify(json, undefined, 2)}\n`);
  // Readers of YAML 1.1, as kubectl's, take a bare yes for true.
  else if (format === 'yaml')
    out.write(stringify(json, { aliasDuplicateObjects: false, lineWidth: 0, compat: 'yaml-1.1' }));
  else for (const line of { name: names ?? [], table: lines, wide }[format]) out.write(`${line}\n`);
}

/** A duration for people, as kubectl shows ages: `45s`, `12m`, `3h20m`, `4d`. */
export function ageText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d`;
}

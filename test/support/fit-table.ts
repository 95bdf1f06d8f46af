import { eastAsianWidth } from 'get-east-asian-width';

const columnGap = '  ';
// A wide character fits.
const leastColumn = 2;

/** Cells that a text takes on a terminal; never fewer than it does. */
export function textWidth(text: string): number {
  return Array.from(text).reduce((width, character) => width + eastAsianWidth(character.codePointAt(0) ?? 0), 0);
}

/** A text without what would move the cursor, each such character as `·`. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '·');
}

/**
 * Breaks a text at spaces into lines of at most `width` cells. A longer word stands alone on its line, or is broken
 * with `breaksWords`.
 */
export function wrapText(text: string, width: number, options: { readonly breaksWords?: boolean } = {}): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = options.breaksWords === true ? cut(word, width) : [word];
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? '';
  }
  return [...lines, line];
}

function cut(word: string, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const character of word) {
    if (piece !== '' && textWidth(piece + character) > width) {
      pieces.push(piece);
      piece = '';
    }
    piece += character;
  }
  return [...pieces, piece];
}

function fitColumns(natural: readonly number[], width: number): number[] {
  const columns = [...natural];
  let over = columns.reduce((sum, column) => sum + column, 0) + columnGap.length * (columns.length - 1) - width;
  for (; over > 0; over -= 1) {
    const widest = columns.indexOf(Math.max(...columns));
    const column = columns[widest] ?? 0;
    if (column <= leastColumn) throw new RangeError(`A table of ${columns.length} columns has no room in ${width}.`);
    columns[widest] = column - 1;
  }
  return columns;
}

/**
 * Lines of a table that are never wider than `width` cells: a header, a rule, rows. What does not fit its column goes
 * on in the next line. Columns of numbers stand to the right. @throws RangeError when there are more columns than room.
 */
export function fitTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly width: number },
): string[] {
  const texts = [header, ...rows].map((row) => header.map((_, column) => plainText(row[column] ?? '')));
  const natural = header.map((_, column) => Math.max(leastColumn, ...texts.map((row) => textWidth(row[column] ?? ''))));
  const widths = fitColumns(natural, options.width);
  const isNumber = header.map((_, column) =>
    texts.slice(1).every((row) => /^(–|[\d.,]+( (ms|s|B|KiB|MiB|GiB))?( ✓)?)$/.test(row[column] ?? '')),
  );
  const pad = (text: string, column: number): string => {
    const blank = ' '.repeat(Math.max(0, (widths[column] ?? 0) - textWidth(text)));
    return isNumber[column] === true ? blank + text : text + blank;
  };
  const rowLines = (row: readonly string[]): string[] => {
    const cells = row.map((text, column) => wrapText(text, widths[column] ?? 0, { breaksWords: true }));
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, index) =>
      cells
        .map((cell, column) => pad(cell[index] ?? '', column))
        .join(columnGap)
        .trimEnd(),
    );
  };
  const [first = [], ...others] = texts.map(rowLines);
  return [...first, widths.map((width) => '─'.repeat(width)).join(columnGap), ...others.flat()];
}

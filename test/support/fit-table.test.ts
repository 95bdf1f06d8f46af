import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createCellWidths } from '#common/terminal/cell-widths.js';
import { fitTable, wrapText } from './fit-table.js';

const widths = createCellWidths('test');
const cellsOf = (line: string): number =>
  Array.from(line).reduce((sum, character) => sum + widths.wcwidth(character.codePointAt(0) ?? 0), 0);
const cell = fc.string({ unit: 'binary', maxLength: 120 });

test('a table that fits stands as it is, with numbers to the right', () => {
  expect(
    fitTable(
      ['session', 'n'],
      [
        ['top', '2'],
        ['vi', '12'],
      ],
      { width: 80 },
    ),
  ).toEqual(['session   n', '───────  ──', 'top       2', 'vi       12']);
});

test('what does not fit its column goes on in the next line', () => {
  expect(fitTable(['a', 'b'], [['one two', 'three']], { width: 10 })).toEqual([
    'a     b',
    '────  ────',
    'one   thre',
    'two   e',
  ]);
});

test('more columns than room are refused', () => {
  expect(() => fitTable(['a', 'b', 'c'], [], { width: 9 })).toThrow(RangeError);
});

test('no line is wider than it may be, and no character moves the cursor, whatever the cells hold', () => {
  const tables = fc
    .integer({ min: 1, max: 8 })
    .chain((columns) =>
      fc.tuple(
        fc.array(cell, { minLength: columns, maxLength: columns }),
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 5 }),
        fc.integer({ min: 40, max: 100 }),
      ),
    );
  fc.assert(
    fc.property(tables, ([header, rows, width]) => {
      for (const line of fitTable(header, rows, { width })) {
        expect(cellsOf(line)).toBeLessThanOrEqual(width);
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      }
    }),
    { numRuns: 60 },
  );
});

test('wrapping keeps every word, and breaks one only when told to', () => {
  expect(wrapText('aa bb ccccccc d', 5)).toEqual(['aa bb', 'ccccccc', 'd']);
  expect(wrapText('aa bb ccccccc d', 5, { breaksWords: true })).toEqual(['aa bb', 'ccccc', 'cc d']);
});

import { describe, expect, test } from '@jest/globals';
import { ageText, tableLines } from './output.js';

describe('output', () => {
  test('aligns columns, and shows what is empty', () => {
    expect(
      tableLines(
        ['A', 'LONG'],
        [
          ['one', ''],
          ['', 'x'],
        ],
      ),
    ).toEqual(['A    LONG', 'one  -', '-    x']);
  });

  test('lets no cell draw on the terminal', () => {
    expect(tableLines(['A'], [['one\r\ntwo\x1b[31m\x9b']])).toEqual(['A', 'one two [31m']);
  });

  test.each([
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [3_600_000, '1h'],
    [12_000_000, '3h20m'],
    [400_000_000, '4d'],
  ])('shows %i ms as %s', (ms, text) => expect(ageText(ms)).toBe(text));
});

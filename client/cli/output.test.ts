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

  test.each([
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [3_600_000, '1h'],
    [12_000_000, '3h20m'],
    [400_000_000, '4d'],
  ])('shows %i ms as %s', (ms, text) => expect(ageText(ms)).toBe(text));
});

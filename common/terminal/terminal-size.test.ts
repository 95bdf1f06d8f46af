import { describe, expect, test } from '@jest/globals';
import { terminalSize } from './terminal-size.js';

describe('the size of a terminal', () => {
  test.each([
    ['nothing', {}, '24x80'],
    ['0x0', { rows: 0, cols: 0 }, '24x80'],
    ['rows only', { rows: 50, cols: 0 }, '50x80'],
    ['columns only', { rows: 0, cols: 132 }, '24x132'],
    ['a usual size', { rows: 43, cols: 132 }, '43x132'],
    ['a huge one', { rows: 65_535, cols: 1001 }, '1000x1000'],
    ['nonsense', { rows: Number.NaN, cols: -1 }, '24x80'],
  ])('is made of %s', (_what, reported, expected) => {
    const { rows, cols } = terminalSize(reported);
    expect(`${rows}x${cols}`).toBe(expected);
  });

  test('stays as it was while the terminal does not know it', () => {
    const before = { rows: 43, cols: 132 };
    expect(terminalSize({ rows: 0, cols: 0 }, before)).toEqual(before);
    expect(terminalSize({ rows: 50, cols: 0 }, before)).toEqual({ rows: 50, cols: 132 });
  });
});

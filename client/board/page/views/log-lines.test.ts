import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LogLines } from './log-lines.js';

const all = (lines: LogLines): string[] => Array.from({ length: lines.count }, (_, index) => lines.line(index));

describe('lines of a log', () => {
  test('are the same wherever the text is cut', () => {
    const text = fc
      .array(fc.constantFrom('a', 'bc', '\n', '\r\n', '\u001b[31m', '\u001b[0m', '漢'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
        const [once, pieces] = [new LogLines(), new LogLines()];
        once.push(whole);
        const at = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length];
        for (let index = 1; index < at.length; index++) pieces.push(whole.slice(at[index - 1], at[index]));
        expect(all(pieces)).toEqual(all(once));
      }),
    );
  });

  test('lose their colours, and nothing else', () => {
    const lines = new LogLines();
    lines.push('\u001b[1;31mred\u001b[0m \u001b[2Jkept\r\n');
    expect(all(lines)).toEqual(['red \u001b[2Jkept']);
  });

  test('are kept up to a bound, the newest, and what was let go is counted', () => {
    const lines = new LogLines();
    for (let number = 0; number < 30_000; number++) lines.push(`line ${number}\n`);
    expect(lines.count).toBeLessThanOrEqual(20_000);
    expect(lines.line(lines.count - 1)).toBe('line 29999');
    expect(lines.dropped + lines.count).toBe(30_000);
    expect(lines.line(0)).toBe(`line ${lines.dropped}`);
  });

  test('do not grow with a line that never ends, nor with long ones', () => {
    const lines = new LogLines();
    for (let index = 0; index < 200; index++) lines.push('x'.repeat(100_000));
    expect(lines.line(0)).toHaveLength(8_001);
    lines.push('\n');
    for (let index = 0; index < 3_000; index++) lines.push(`${'y'.repeat(8_000)}\n`);
    expect(all(lines).join('').length).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(lines.dropped).toBeGreaterThan(0);
  });

  test('are found by a text, in any case', () => {
    const lines = new LogLines();
    lines.push('one Error\ntwo\nan error');
    expect(lines.find('ERROR')).toEqual([0, 2]);
    expect(lines.find('')).toEqual([]);
  });
});

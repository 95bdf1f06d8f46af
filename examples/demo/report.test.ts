import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createCellWidths } from '#common/terminal/cell-widths.js';
import { demoReport, demoWidth } from './report.js';
import type { DemoRow, Transfer } from './row.js';

const widths = createCellWidths('test');
const cellsOf = (line: string): number =>
  Array.from(stripVTControlCharacters(line)).reduce((sum, sign) => sum + widths.wcwidth(sign.codePointAt(0) ?? 0), 0);
const equal = (bytes: number): Transfer => ({
  ...{ sentBytes: bytes, sentSha256: 'a'.repeat(64) },
  ...{ receivedBytes: bytes, receivedSha256: 'a'.repeat(64) },
});
const shell: DemoRow = {
  ...{ kind: 'shell, counting', node: 'node-a', lost: 0, duplicated: 0, reordered: 0, failures: [] },
  ...{ input: equal(3700), output: equal(26_500), gapsMs: [2800, 3700], typedDuringRestarts: 40 },
  process: { before: { pid: 4577, startTime: 9 }, after: { pid: 4577, startTime: 9 } },
};
const text = (lines: readonly string[]): string => stripVTControlCharacters(lines.join('\n'));

describe('the report of the demo', () => {
  test('has a line per kind, and says what holds', () => {
    const told = text(demoReport([shell, { ...shell, node: 'node-b' }], []));
    expect(told).toMatch(/^shell, counting +2 +7\.2 KiB ✓ +51\.8 KiB ✓ +0 +0 +3\.7 s +4577, 4577$/m);
    expect(told).toMatch(/^Holds: every byte arrived once and in order; 2 programs/m);
    expect(told).toContain('80 keystrokes');
  });

  test('shows both ends where they differ, and another process', () => {
    const output = { ...equal(26_500), receivedBytes: 10 };
    const process = { before: { pid: 4577, startTime: 9 }, after: { pid: 4577, startTime: 10 } };
    const told = text(demoReport([{ ...shell, output, process }], ['an agent is gone']));
    expect(told).toContain('≠');
    expect(told).toContain('CHANGED');
    expect(told).toContain('  ! an agent is gone');
    expect(told).toContain('  ! shell, counting on node-a: panel to client, 26500 bytes left and 10 arrived');
  });

  test('keeps hashes and percentiles for who asks for them', () => {
    expect(text(demoReport([shell], []))).not.toContain('aaaaaaaaaa = aaaaaaaaaa');
    const wide = text(demoReport([shell], [], { wide: true }));
    expect(wide).toContain('aaaaaaaaaa = aaaaaaaaaa');
    expect(wide).toContain('4577@9');
    expect(wide).toContain('gap p50');
  });

  test('is never wider than 80, whatever the sessions are called and however much went wrong', () => {
    const count = fc.nat();
    const words = fc.string({ unit: 'binary', maxLength: 200 });
    const transfer = fc.record({ sentBytes: count, sentSha256: words, receivedBytes: count, receivedSha256: words });
    const identity = fc.record({ pid: count, startTime: count });
    const row: fc.Arbitrary<DemoRow> = fc
      .record({
        ...{ kind: words, node: words, lost: count, duplicated: count, reordered: count },
        ...{ gapsMs: fc.array(fc.double({ min: 0, max: 1e12, noNaN: true })), failures: fc.array(words) },
        ...{ input: transfer, output: transfer, process: fc.record({ before: identity, after: identity }) },
      })
      .map((record) => record);
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), fc.array(words, { maxLength: 3 }), (rows, failures) => {
        expect(Math.max(...demoReport(rows, failures).map(cellsOf))).toBeLessThanOrEqual(demoWidth);
      }),
      { numRuns: 25 },
    );
  });
});

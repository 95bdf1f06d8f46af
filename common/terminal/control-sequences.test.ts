import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ControlSequence, createSequenceScanner } from './control-sequences.js';

const scan = (...pieces: (string | Buffer)[]): ControlSequence[] => {
  const found: ControlSequence[] = [];
  const scanner = createSequenceScanner((sequence) => found.push(sequence));
  for (const piece of pieces) scanner.push(Buffer.from(piece));
  return found;
};
const csi = (prefix: string, params: string, intermediates: string, final: string): ControlSequence => ({
  kind: 'csi',
  prefix,
  params,
  intermediates,
  final,
});

describe('a scanner of control sequences', () => {
  test.each<[string, ControlSequence[]]>([
    ['plain text, é ✓ 📦\r\n', []],
    ['a\x1b[?25;7hb', [csi('?', '25;7', '', 'h')]],
    ['\x1b[4 q', [csi('', '4', ' ', 'q')]],
    ['\x1b[!p', [csi('', '', '!', 'p')]],
    ['\x1b[4:3m', [csi('', '4:3', '', 'm')]],
    ['\x1b[>1u\x1b[<u', [csi('>', '1', '', 'u'), csi('<', '', '', 'u')]],
    ['\u009b?7l', [csi('?', '7', '', 'l')]],
    [
      '\x1b7\x1b(0',
      [
        { kind: 'escape', intermediates: '', final: '7' },
        { kind: 'escape', intermediates: '(', final: '0' },
      ],
    ],
    [
      'a\x0eb\x0f',
      [
        { kind: 'shift', code: '\x0e' },
        { kind: 'shift', code: '\x0f' },
      ],
    ],
    ['\x1b]2;a;ö\x07', [{ kind: 'osc', number: 2, text: 'a;ö' }]],
    ['\x1b]104\x1b\\x', [{ kind: 'osc', number: 104, text: '' }]],
    ['\u009d0;t\u009cx', [{ kind: 'osc', number: 0, text: 't' }]],
    ['\x1bPq#0\x1b\\\x1b[1h', [csi('', '1', '', 'h')]],
    // Begun anew, given up (CAN), and with a line feed in the middle.
    ['\x1b[3\x1b[5h', [csi('', '5', '', 'h')]],
    ['\x1b[3\x18h', []],
    ['\x1b[\n3h', [csi('', '3', '', 'h')]],
    ['\x1b]2;never ended\x1b[4h', [csi('', '4', '', 'h')]],
    [`\x1b]52;c;${'A'.repeat(20_000)}\x07\x1b[4h`, [csi('', '4', '', 'h')]],
  ])('finds in %j what it says, in one piece and byte by byte', (text, expected) => {
    expect(scan(text)).toEqual(expected);
    const bytes = Buffer.from(text);
    expect(scan(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(expected);
  });

  test('can be cut only where neither a character nor a control sequence is split', () => {
    const whole = Buffer.from('a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0d');
    const cuts = new Set<string>();
    for (let size = 0; size <= whole.length; size++) {
      const scanner = createSequenceScanner(() => undefined);
      scanner.push(whole.subarray(0, size));
      cuts.add(whole.toString('utf8', 0, size - scanner.openBytes));
    }
    expect([...cuts]).toEqual([
      '',
      'a',
      'a✓',
      'a✓\x1b[31m',
      'a✓\x1b[31mb',
      'a✓\x1b[31mb\x1b]0;t\x1b\\',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0d',
    ]);
  });

  test.each([
    ['ab', 'b'],
    ['abe\u0301\u0323', 'e\u0301\u0323'],
    ['a\x1b[0m👨\u200d👩', '👨\u200d👩'],
    ['a\x1b[0m', ''],
    ['a\r\n', ''],
    ['a✓\x1b[3', 'a✓\x1b[3'],
    ['漢'.repeat(100), '漢'],
  ])('knows what may be joined at the end of %j', (text, end) => {
    const bytes = Buffer.from(text);
    const scanner = createSequenceScanner(() => undefined);
    for (const byte of bytes) scanner.push(Buffer.from([byte]));
    const cluster = bytes.toString('utf8', bytes.length - scanner.clusterBytes);
    // A long run is cut somewhere.
    expect(cluster.slice(-end.length || cluster.length)).toBe(end);
    expect(scanner.clusterBytes).toBeLessThanOrEqual(128);
  });

  test('takes any bytes, and never says that more is open than there was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const scanner = createSequenceScanner(() => undefined);
        scanner.push(bytes);
        expect(scanner.openBytes).toBeLessThanOrEqual(scanner.clusterBytes);
        expect(scanner.clusterBytes).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { ageText, tableLines, writeDocument, type OutputFormat } from './output.js';

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

  test.each<[OutputFormat, string]>([
    ['json', '{\n  "node": "a",\n  "panels": [\n    {\n      "name": "yes"\n    }\n  ]\n}\n'],
    ['yaml', 'node: a\npanels:\n  - name: "yes"\n'],
    ['name', 'yes\n'],
    ['table', 'PANEL\nyes\n'],
    ['wide', 'PANEL  MORE\nyes    more\n'],
  ])('writes a result as %s', (format, text) => {
    const out = new PassThrough();
    const json = { node: 'a', panels: [{ name: 'yes' }] };
    writeDocument(out, format, { json, names: ['yes'], lines: ['PANEL', 'yes'], wide: ['PANEL  MORE', 'yes    more'] });
    expect(String(out.read())).toBe(text);
  });

  test('is a table, too, where there is nothing to add to it', () => {
    const out = new PassThrough();
    writeDocument(out, 'wide', { json: {}, lines: ['PANEL', 'yes'] });
    expect(String(out.read())).toBe('PANEL\nyes\n');
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

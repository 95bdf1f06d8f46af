import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import { xmlFault } from '#test/support/well-formed.js';
import { drawScreens, type ScreenPicture } from './screen-picture.js';
import { paletteColour, readScreenRows, type ScreenRow } from './screen-rows.js';

async function rowsOf(output: string): Promise<ScreenRow[]> {
  const terminal = createHeadlessTerminal({ rows: 3, cols: 20 }, 0);
  await new Promise<void>((resolve) => terminal.write(output, resolve));
  return readScreenRows(terminal);
}

const pictureOf = (...screens: readonly (readonly ScreenRow[])[]): ScreenPicture => ({
  ...{ description: 'a test', panes: [{ title: 'vim', rows: 3 }], columns: 20, lastsMs: 1000 },
  moments: screens.map((rows, index) => ({ atMs: index * 1000, panes: [rows] })),
});

describe('the rows of a screen', () => {
  test('are runs of one look, without the blanks at their ends', async () => {
    expect(await rowsOf('\u001b[1mab\u001b[0m c\r\n\u001b[7mx\u001b[0m')).toEqual([
      [
        { column: 0, cells: 2, text: 'ab', bold: true },
        { column: 2, cells: 2, text: ' c' },
      ].map((run, index) => (index === 0 ? run : { ...run, cells: 18, text: ` c${' '.repeat(16)}` })),
      [{ column: 0, cells: 1, text: 'x', colour: '#0d1117', ground: '#e6edf3' }],
      [],
    ]);
  });

  test('have the colours of the palette and others', async () => {
    const [row] = await rowsOf('\u001b[31mr\u001b[38;5;208mo\u001b[38;2;1;2;3mt');
    expect(row?.slice(0, 3).map(({ colour }) => colour)).toEqual([paletteColour(1), '#ff8700', '#010203']);
    expect(paletteColour(255)).toBe('#eeeeee');
  });
});

describe('the picture of screens', () => {
  test('draws what stays once, and what changes as long as it is seen', async () => {
    const svg = drawScreens(pictureOf(await rowsOf('stays\r\none'), await rowsOf('stays\r\ntwo')));
    expect(xmlFault(svg)).toBeUndefined();
    expect(svg.match(/stays/g)).toHaveLength(1);
    expect(svg).toContain('@keyframes k0_1{0%{opacity:1}50%{opacity:0}}.k0_1{opacity:0;animation-name:k0_1}');
    expect(svg).toContain('@keyframes k1_2{0%{opacity:0}50%{opacity:1}}.k1_2{animation-name:k1_2}');
  });

  test('shows its end where nothing moves', async () => {
    const svg = drawScreens(pictureOf(await rowsOf('one'), await rowsOf('two')));
    expect(svg).toContain('@media(prefers-reduced-motion:reduce){.m{animation:none!important}}');
    expect(svg).toMatch(/\.k0_1\{opacity:0;/);
    expect(svg).not.toMatch(/\.k1_2\{opacity:0;/);
  });

  test('keeps to the grid with every font, wide characters too', async () => {
    const svg = drawScreens(pictureOf(await rowsOf('ab   cd')));
    expect(svg).toMatch(/<text x="14" y="14" textLength="16.8">ab<\/text>/);
    expect(svg).toMatch(/<text x="56" y="14" textLength="16.8">cd<\/text>/);
    expect(xmlFault(drawScreens(pictureOf(await rowsOf('漢字 é'))))).toBeUndefined();
  });

  test('is well-formed and holds no control character, whatever a program prints', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), async (output) => {
        expect(xmlFault(drawScreens(pictureOf(await rowsOf(output), await rowsOf(`${output}<&"'>`))))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});

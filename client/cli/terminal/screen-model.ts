import { StringDecoder } from 'node:string_decoder';
import type { IBufferCell, IBufferLine } from '@xterm/headless';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import type { TerminalSize } from '#common/terminal/terminal-size.js';

/** What the user's terminal shows, so that a row that was covered can be restored. */
export interface ScreenModel {
  write(bytes: Buffer): void;
  resize(size: TerminalSize): void;
  /** The bottom row as bytes that draw it, once everything written before is interpreted. */
  bottomRow(): Promise<string>;
  /** The first row below everything that is drawn, from 0; the number of rows when there is none. */
  freeRow(): Promise<number>;
  dispose(): void;
}

function colour(cell: IBufferCell, ground: 'fg' | 'bg'): string[] {
  const isFg = ground === 'fg';
  const value = isFg ? cell.getFgColor() : cell.getBgColor();
  const base = isFg ? 30 : 40;
  if (isFg ? cell.isFgRGB() : cell.isBgRGB()) {
    return [`${base + 8}`, '2', `${(value >> 16) & 255}`, `${(value >> 8) & 255}`, `${value & 255}`];
  }
  if (!(isFg ? cell.isFgPalette() : cell.isBgPalette())) return [];
  if (value < 8) return [`${base + value}`];
  if (value < 16) return [`${base + 60 + value - 8}`];
  return [`${base + 8}`, '5', `${value}`];
}

function attributes(cell: IBufferCell): string {
  const on: readonly (readonly [number, number])[] = [
    [cell.isBold(), 1],
    [cell.isDim(), 2],
    [cell.isItalic(), 3],
    [cell.isUnderline(), 4],
    [cell.isBlink(), 5],
    [cell.isInverse(), 7],
    [cell.isInvisible(), 8],
    [cell.isStrikethrough(), 9],
  ];
  const codes = on.filter(([set]) => set !== 0).map(([, code]) => `${code}`);
  return `\x1b[${['0', ...codes, ...colour(cell, 'fg'), ...colour(cell, 'bg')].join(';')}m`;
}

/** Columns up to the last that is not blank: what is drawn beyond would be copied as spaces. */
function endOfRow(line: IBufferLine | undefined): number {
  for (let x = (line?.length ?? 0) - 1; x >= 0; x--) {
    const cell = line?.getCell(x);
    if (cell !== undefined && (cell.getChars() !== '' || !cell.isBgDefault() || cell.isInverse() !== 0)) return x + 1;
  }
  return 0;
}

/** A model of a terminal that starts empty, with the cursor at the top. */
export function createScreenModel(size: TerminalSize): ScreenModel {
  const terminal = createHeadlessTerminal(size, 0);
  // The interpreter's own decoder loses some of the characters that are cut in two.
  const decoder = new StringDecoder('utf8');
  const interpreted = (): Promise<void> => new Promise((resolve) => terminal.write('', resolve));
  const drawRow = (y: number): string => {
    const line = terminal.buffer.active.getLine(y);
    const end = endOfRow(line);
    let drawn = '';
    let style = '';
    for (let x = 0; x < end; x++) {
      const cell = line?.getCell(x);
      // The second half of a wide character has no width.
      if (cell === undefined || cell.getWidth() === 0) continue;
      const next = attributes(cell);
      drawn += next === style ? '' : next;
      style = next;
      drawn += cell.getChars() === '' ? ' ' : cell.getChars();
    }
    return `${drawn}\x1b[0m`;
  };
  return {
    write: (bytes) => terminal.write(decoder.write(bytes)),
    // In order with what was written before.
    resize: ({ rows, cols }) => terminal.write('', () => terminal.resize(cols, rows)),
    bottomRow: async () => {
      await interpreted();
      return drawRow(terminal.buffer.active.baseY + terminal.rows - 1);
    },
    freeRow: async () => {
      await interpreted();
      const { active } = terminal.buffer;
      let row = terminal.rows;
      while (row > 0 && endOfRow(active.getLine(active.baseY + row - 1)) === 0) row--;
      return Math.max(row, active.cursorX > 0 ? active.cursorY + 1 : active.cursorY);
    },
    dispose: () => terminal.dispose(),
  };
}

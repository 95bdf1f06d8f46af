import type { IBufferCell, Terminal } from '@xterm/headless';

/** Cells of one look that follow each other in a row. */
export interface ScreenRun {
  /** First column, from 0. */
  readonly column: number;
  /** Width in cells. */
  readonly cells: number;
  readonly text: string;
  /** Colour of the letters, for example `#e6edf3`; undefined is the terminal's own. */
  readonly colour?: string;
  /** Colour behind them; undefined is the terminal's own. */
  readonly ground?: string;
  readonly bold?: boolean;
}

/** What a terminal shows in one row. */
export type ScreenRow = readonly ScreenRun[];

const base = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#ffffff'],
];
const hex = (red: number, green: number, blue: number): string =>
  `#${[red, green, blue].map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** Colour of a number of xterm's palette of 256. */
export function paletteColour(index: number): string {
  if (index < 16) return base[index] ?? '#ffffff';
  if (index >= 232) {
    const grey = 8 + 10 * (index - 232);
    return hex(grey, grey, grey);
  }
  const level = (step: number): number => (step === 0 ? 0 : 55 + 40 * step);
  const cube = index - 16;
  return hex(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function colourOf(isPalette: boolean, isRgb: boolean, value: number): string | undefined {
  if (isPalette) return paletteColour(value);
  return isRgb ? `#${value.toString(16).padStart(6, '0')}` : undefined;
}

type Look = Pick<ScreenRun, 'colour' | 'ground' | 'bold'>;

function lookOf(cell: IBufferCell): Look {
  const letters = colourOf(cell.isFgPalette(), cell.isFgRGB(), cell.getFgColor());
  const behind = colourOf(cell.isBgPalette(), cell.isBgRGB(), cell.getBgColor());
  const isInverse = cell.isInverse() !== 0;
  const colour = isInverse ? (behind ?? '#0d1117') : letters;
  const ground = isInverse ? (letters ?? '#e6edf3') : behind;
  return {
    ...(colour === undefined ? {} : { colour }),
    ...(ground === undefined ? {} : { ground }),
    ...(cell.isBold() === 0 ? {} : { bold: true }),
  };
}

const isSameLook = (one: Look, other: Look): boolean =>
  one.colour === other.colour && one.ground === other.ground && one.bold === other.bold;

/** What a terminal shows, row by row; blanks at the ends of rows are left out. */
export function readScreenRows(terminal: Terminal): ScreenRow[] {
  const buffer = terminal.buffer.active;
  return Array.from({ length: terminal.rows }, (_, row) => {
    const line = buffer.getLine(buffer.viewportY + row);
    const runs: ScreenRun[] = [];
    for (let column = 0; column < terminal.cols; column += 1) {
      const cell = line?.getCell(column);
      if (cell === undefined || cell.getWidth() === 0) continue;
      const look = lookOf(cell);
      const text = cell.getChars() === '' ? ' ' : cell.getChars();
      const last = runs.at(-1);
      if (last === undefined || !isSameLook(last, look)) runs.push({ column, cells: cell.getWidth(), text, ...look });
      else runs[runs.length - 1] = { ...last, cells: last.cells + cell.getWidth(), text: last.text + text };
    }
    while (runs.at(-1)?.ground === undefined && runs.at(-1)?.text.trim() === '') runs.pop();
    return runs;
  });
}

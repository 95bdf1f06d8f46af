import type { IBufferCell, Terminal } from '@xterm/headless';

/** How text looks, as cells tell it, and the pen for what is written next. */
type Looks = Pick<
  IBufferCell,
  | 'getFgColor'
  | 'getBgColor'
  | 'isFgRGB'
  | 'isFgPalette'
  | 'isBgRGB'
  | 'isBgPalette'
  | 'isBold'
  | 'isDim'
  | 'isItalic'
  | 'isUnderline'
  | 'isBlink'
  | 'isInverse'
  | 'isInvisible'
  | 'isStrikethrough'
  | 'isOverline'
>;

/** What xterm.js gives no public way to read; `screen.test.ts` fails where it is no longer there. */
interface WithPen {
  readonly _core: { readonly _inputHandler: { readonly _curAttrData: Looks } };
}

/** The cell of the last column, as it is written again. */
export interface LastColumn {
  /** Column where it starts, from 1. */
  readonly col: number;
  /** Writes it, and leaves the pen for what is written next as it was. */
  readonly text: string;
}

/**
 * The cell that has to be written again, at its place, so that the next character goes to a new row as it does at the terminal now: no other
 * sequence brings a cursor behind the last column. Undefined where the cursor is not there.
 */
export function lastColumn(terminal: Terminal): LastColumn | undefined {
  const { active } = terminal.buffer;
  const line = active.cursorX < terminal.cols ? undefined : active.getLine(active.baseY + active.cursorY);
  const last = line?.getCell(terminal.cols - 1);
  if (last === undefined) return undefined;
  // The second half of a wide character.
  const wide = last.getWidth() === 0 ? line?.getCell(terminal.cols - 2) : undefined;
  const cell = wide ?? last;
  const pen = (terminal as unknown as WithPen)._core._inputHandler._curAttrData;
  return {
    col: wide === undefined ? terminal.cols : terminal.cols - 1,
    text: `${looksText(cell)}${cell.getChars() || ' '}${looksText(pen)}`,
  };
}

// Select Graphic Rendition (ECMA-48, 8.3.117), from how text looks after a reset.
function looksText(looks: Looks): string {
  const attributes = [
    [looks.isBold(), 1],
    [looks.isDim(), 2],
    [looks.isItalic(), 3],
    [looks.isUnderline(), 4],
    [looks.isBlink(), 5],
    [looks.isInverse(), 7],
    [looks.isInvisible(), 8],
    [looks.isStrikethrough(), 9],
    [looks.isOverline(), 53],
  ].flatMap(([is, number]) => (is === 0 ? [] : [number]));
  const foreground = colour(38, looks.getFgColor(), looks.isFgRGB(), looks.isFgPalette());
  const background = colour(48, looks.getBgColor(), looks.isBgRGB(), looks.isBgPalette());
  return `\x1b[${[0, ...attributes, ...foreground, ...background].join(';')}m`;
}

function colour(selector: number, value: number, isRgb: boolean, isPalette: boolean): readonly number[] {
  if (isRgb) return [selector, 2, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  return isPalette ? [selector, 5, value] : [];
}

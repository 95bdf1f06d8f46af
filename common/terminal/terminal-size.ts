/** Size of a terminal's window, in cells. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** What a terminal says of its size. Nothing, or 0, where it does not know (a serial line, `script` without a terminal). */
export interface ReportedSize {
  readonly rows?: number | undefined;
  readonly cols?: number | undefined;
}

const maxCells = 1000;
const usual: TerminalSize = { rows: 24, cols: 80 };

/**
 * A size to work with: at most 1000 cells in each direction, and for what is not known the size before.
 * @default 24 rows and 80 columns before
 */
export function terminalSize(reported: ReportedSize, before: TerminalSize = usual): TerminalSize {
  const cells = (count: number | undefined, fallback: number): number =>
    count !== undefined && count >= 1 ? Math.min(Math.floor(count), maxCells) : fallback;
  return { rows: cells(reported.rows, before.rows), cols: cells(reported.cols, before.cols) };
}

import headless, { type Terminal } from '@xterm/headless';
import { createCellWidths } from './cell-widths.js';
import { saveOriginWithCursor } from './saved-origin.js';
import type { TerminalSize } from './terminal-size.js';

const widths = 'panelet';

/**
 * A terminal without a window, which interprets what programs write as users' terminals do. Every model of a screen is one:
 * two that differed in the width of a character would differ in all that follows it.
 * @param scrollbackLines lines that it keeps above the screen
 */
export function createHeadlessTerminal({ rows, cols }: TerminalSize, scrollbackLines: number): Terminal {
  const terminal = new headless.Terminal({ rows, cols, scrollback: scrollbackLines, allowProposedApi: true });
  terminal.unicode.register(createCellWidths(widths));
  terminal.unicode.activeVersion = widths;
  saveOriginWithCursor(terminal);
  return terminal;
}

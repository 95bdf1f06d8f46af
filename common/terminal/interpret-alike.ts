import type { Terminal } from '@xterm/headless';
import { createCellWidths } from './cell-widths.js';
import { saveOriginWithCursor } from './saved-origin.js';

const widths = 'panelet';

/**
 * Has a terminal interpret what programs write as users' terminals do. Every model of a screen does, in workers and in pages: two that differed
 * in the width of a character would differ in all that follows it.
 */
export function interpretAlike(terminal: Pick<Terminal, 'buffer' | 'parser' | 'unicode'>): void {
  terminal.unicode.register(createCellWidths(widths));
  terminal.unicode.activeVersion = widths;
  saveOriginWithCursor(terminal);
}

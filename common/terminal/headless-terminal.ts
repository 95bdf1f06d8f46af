import headless, { type Terminal } from '@xterm/headless';
import { interpretAlike } from './interpret-alike.js';
import type { TerminalSize } from './terminal-size.js';

/**
 * A terminal without a window, which interprets what programs write as all models of a screen do.
 * @param scrollbackLines lines that it keeps above the screen
 */
export function createHeadlessTerminal({ rows, cols }: TerminalSize, scrollbackLines: number): Terminal {
  const terminal = new headless.Terminal({ rows, cols, scrollback: scrollbackLines, allowProposedApi: true });
  interpretAlike(terminal);
  return terminal;
}

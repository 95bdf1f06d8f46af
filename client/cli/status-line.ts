import type { Writable } from 'node:stream';

/** One line on a terminal that is replaced and erased, so that nothing of it stays on the screen. */
export interface StatusLine {
  /** Shows a text in place of the one before. */
  show(text: string): void;
  /** Takes the text away. */
  clear(): void;
}

/**
 * Writes at the bottom row, in reverse video, and puts the cursor back (DECSC, DECRC): what a program has drawn keeps
 * its place except for that row, which its next repaint restores. Without a terminal it writes each text as a plain
 * line, once.
 */
export function createStatusLine(err: Writable & { isTTY?: boolean; rows?: number; columns?: number }): StatusLine {
  let shown = '';
  const isTty = err.isTTY === true;
  const place = (text: string): string => `\x1b7\x1b[${err.rows ?? 24};1H\x1b[2K${text}\x1b8`;
  return {
    show: (text) => {
      if (text === shown) return;
      shown = text;
      if (isTty) err.write(place(`\x1b[7m ${text.slice(0, (err.columns ?? 80) - 2)} \x1b[0m`));
      else err.write(`panelet: ${text}\n`);
    },
    clear: () => {
      if (shown === '') return;
      shown = '';
      if (isTty) err.write(place(''));
    },
  };
}

import type { TerminalSize } from '#common/terminal-size.js';
import type { CliWorld } from './cli-world.js';
import { createScreenModel } from './screen-model.js';

/** The user's terminal: what a program draws, and a status line that leaves nothing behind. */
export interface TerminalView {
  /** Draws output of the program. Resolves when the terminal takes more. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Shows a text in the bottom row, in place of the one before. */
  show(text: string): void;
  /** Takes the text away and restores what it covered. */
  clear(): void;
  /** The window has another size. */
  resize(size: TerminalSize): void;
  /** Leaves the terminal as a shell expects it, with the cursor below what is drawn. */
  close(): Promise<void>;
}

// Alternate screen left separately; then: cursor shown, keypad and cursor keys normal, no mouse reports, no bracketed
// paste, no focus reports, whole screen scrolls, plain colours.
const restoreModes =
  '\x1b[?25h\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[r\x1b[0m';

// The end of output at which the rest of an escape sequence, or of a UTF-8 character, has not come. Nothing may be drawn
// there. (Bytes as latin1; no control character may stand in a regular expression.)
const escape = String.fromCharCode(0x1b);
const bell = String.fromCharCode(0x07);
const controlSequence = `${escape}(?:\\[[0-?]*[ -/]*|[\\]PX^_][^${bell}]*|[ -/]*)`;
const openSequence = new RegExp(`(?:${controlSequence}|[\\xc0-\\xff][\\x80-\\xbf]{0,2})$`);

function endsOpen(tail: string): boolean {
  const match = openSequence.exec(tail);
  if (match === null) return false;
  const first = match[0].charCodeAt(0);
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : Infinity;
  return match[0].length < needed;
}

/** A view that starts with an empty screen; what was on it moves up into the scrollback. */
export function createTerminalView(out: CliWorld['stdout'], atFirst: TerminalSize): TerminalView {
  let size = atFirst;
  const rows = (): number => size.rows;
  const model = createScreenModel(size.rows, size.cols);
  let queue = Promise.resolve();
  let shown = '';
  let tail = '';
  // One after the other: a row is restored from the model only when both have seen the same bytes.
  const run = (task: () => Promise<void>): Promise<void> => (queue = queue.then(task));
  const put = (text: string): boolean => out.write(text);
  const draw = (row: string): void => {
    put(`\x1b7\x1b[${rows()};1H\x1b[0m\x1b[2K${row}\x1b8`);
  };
  const drawStatus = (): void => {
    if (shown === '' || endsOpen(tail)) return;
    draw(`\x1b[7m ${shown.slice(0, Math.max(0, size.cols - 2))} \x1b[0m`);
  };
  const restore = async (): Promise<void> => {
    if (!endsOpen(tail)) draw(await model.bottomRow());
  };
  put(`${'\n'.repeat(rows())}\x1b[H`);
  return {
    write: (bytes) =>
      run(async () => {
        if (bytes.length === 0) return;
        if (shown !== '') await restore();
        const raw =
          typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        tail = raw.toString('latin1', Math.max(0, raw.length - 80));
        model.write(raw);
        if (!out.write(raw)) await new Promise((resolve) => out.once('drain', resolve));
        drawStatus();
      }),
    show: (text) =>
      void run(() => {
        shown = text;
        drawStatus();
        return Promise.resolve();
      }),
    clear: () =>
      void run(async () => {
        if (shown === '') return;
        shown = '';
        await restore();
      }),
    resize: (next) => {
      size = next;
      model.resize(size.rows, size.cols);
    },
    close: () =>
      run(async () => {
        if (shown !== '') await restore();
        shown = '';
        const leaveAlternate = (await model.alternate()) ? '\x1b[?1049l' : '';
        model.write(leaveAlternate);
        const row = await model.freeRow();
        const below = row < rows() ? `\x1b[${row + 1};1H` : `\x1b[${rows()};1H\r\n`;
        put(`${leaveAlternate}${restoreModes}${below}`);
        model.dispose();
      }),
  };
}

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from './wait-for.js';

/** True where tmux can be run. */
export const hasTmux = hasProgram('tmux', '-V');

/** True where a program can be run with this argument. */
export function hasProgram(program: string, argument: string): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore' }).status === 0;
}

/** A terminal that somebody else has written: a pane of tmux with a shell in it. */
export interface TmuxTerminal {
  /** Types a text, character by character; `\r` is the return key. */
  type(text: string): void;
  /** The rows with their colours and attributes. */
  screen(): string;
  /** The modes that tmux tells of, the cursor among them. */
  modes(): string;
  /** Waits until the screen shows this. @throws with the screen */
  sees(what: string | RegExp): Promise<void>;
  /** Waits until `screen` and `modes` are these. @throws with the screen and the modes */
  becomes(screen: string, modes: string): Promise<void>;
  /** Waits until the screen has stopped changing. @returns the screen */
  settled(): Promise<string>;
  /** Everything that was written to the terminal. */
  written(): Buffer;
  close(): void;
}

const flags = [
  ...['insert', 'wrap', 'origin', 'keypad', 'keypad_cursor', 'cursor'],
  ...['mouse_any', 'mouse_standard', 'mouse_button', 'mouse_all', 'mouse_sgr', 'mouse_utf8'],
];
const places = ['scroll_region_upper', 'scroll_region_lower', 'alternate_on', 'cursor_x', 'cursor_y', 'pane_title'];
const format = [...flags.map((name) => `${name}_flag`), ...places].map((name) => `${name}=#{${name}}`).join(' ');

/** Starts a shell in a terminal of 24 rows and 80 columns. @param directory where the socket and the record go */
export function startTmux(directory: string, env: Readonly<Record<string, string>>): TmuxTerminal {
  const socket = join(directory, 'tmux.sock');
  const record = join(directory, 'written');
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-u', '-f', '/dev/null', '-S', socket, ...args], { env, encoding: 'utf8' });
  tmux('new-session', '-d', '-x', '80', '-y', '24', '/bin/sh');
  tmux('set-option', '-g', 'status', 'off');
  tmux('resize-window', '-x', '80', '-y', '24');
  tmux('pipe-pane', '-O', `cat > ${record}`);
  const screen = (): string => tmux('capture-pane', '-e', '-p');
  const modes = (): string => tmux('display-message', '-p', format);
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    try {
      await waitFor(what, () => Promise.resolve(holds()), 20_000);
    } catch (error) {
      throw new Error(`${what}:\n${screen()}\n${modes()}`, { cause: error });
    }
  };
  return {
    type: (text) => {
      const bytes = Array.from(Buffer.from(text), (byte) => byte.toString(16).padStart(2, '0'));
      tmux('send-keys', '-H', ...bytes);
    },
    screen,
    modes,
    sees: (what) => {
      const plain = (): string => tmux('capture-pane', '-p');
      return until(`The screen does not show ${String(what)}`, () =>
        typeof what === 'string' ? plain().includes(what) : what.test(plain()),
      );
    },
    becomes: (expected, itsModes) =>
      until(`The screen is not:\n${expected}\n${itsModes}\nbut`, () => screen() === expected && modes() === itsModes),
    settled: async () => {
      let last = screen();
      let same = 0;
      await until('The screen goes on changing', () => {
        const now = screen();
        same = now === last ? same + 1 : 0;
        last = now;
        return same >= 5;
      });
      return last;
    },
    written: () => readFileSync(record),
    close: () => {
      spawnSync('tmux', ['-S', socket, 'kill-server']);
    },
  };
}

import type { Writable } from 'node:stream';
import pc from 'picocolors';
import { messageOf } from '#common/errors/errors.js';
import type { Clock, Timer } from '#common/time/clock.js';
import { wrapText } from '#test/support/fit-table.js';

/** What is shown of the state of things while nothing happens. */
export interface LiveState {
  /** On a terminal: lines below the steps, as they are now. */
  lines(): readonly string[];
  /** Elsewhere: one sentence, printed after a silence. */
  summary(): string;
}

/** Tells how the demo goes: redrawn in place on a terminal, plain lines elsewhere. */
export interface Progress {
  /** Runs one step and tells how it went. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Something that happened within the step. */
  note(line: string): void;
  /** From now on this is shown. */
  show(state: LiveState): void;
  /** Clears what is redrawn. */
  end(): void;
}

/** What a progress needs. */
export interface ProgressDeps {
  readonly out: Writable & { readonly columns?: number };
  readonly isTerminal: boolean;
  readonly clock: Clock;
  /** Time of the clock at which the demo began, in milliseconds. */
  readonly startedMs: number;
}

const redrawMs = 150;
// What is silent for longer looks like a hang.
const silenceMs = 2000;
const widest = 80;
// "  0.0 s ▶ "
const prefixCells = 10;

/** Progress on standard output, in lines of 80 at most but for words that are longer. */
export function createProgress({ out, isTerminal, clock, startedMs }: ProgressDeps): Progress {
  let live: LiveState = { lines: () => [], summary: () => 'still at it' };
  let current: string | undefined;
  let drawn = 0;
  let timer: Timer | undefined;
  let ended = false;

  const width = (): number => Math.min(widest, Math.max(20, (out.columns ?? widest + 1) - 1));
  const elapsed = (): string => pc.dim(`${((clock.nowMs() - startedMs) / 1000).toFixed(1).padStart(5)} s`);
  const entry = (mark: string, text: string): string => {
    const lines = wrapText(text, width() - prefixCells);
    return `${elapsed()} ${mark} ${lines.join(`\n${' '.repeat(prefixCells)}`)}`;
  };
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (): void => {
    if (!isTerminal || ended) return;
    const head = current === undefined ? [] : entry(pc.cyan('▶'), current).split('\n');
    const lines = [...head, ...live.lines().map((line) => `${' '.repeat(prefixCells)}${line}`.slice(0, width()))];
    out.write(`${erase()}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  const tick = (): void => {
    timer?.stop();
    if (ended) return;
    timer = clock.after(isTerminal ? redrawMs : silenceMs, () => {
      if (isTerminal) draw();
      else if (current !== undefined) out.write(`${entry(' ', `… ${live.summary()}`)}\n`);
      tick();
    });
  };
  const print = (lines: string): void => {
    if (ended) return;
    out.write(`${erase()}${lines}\n`);
    drawn = 0;
    draw();
    tick();
  };
  tick();

  return {
    step: async (title, work) => {
      current = title;
      if (isTerminal) draw();
      else print(entry(pc.cyan('▶'), title));
      try {
        const result = await work();
        current = undefined;
        print(entry(pc.green('✓'), title));
        return result;
      } catch (error) {
        current = undefined;
        print(entry(pc.red('✗'), `${title}: ${messageOf(error)}`));
        throw error;
      }
    },
    note: (line) => print(entry(' ', line)),
    show: (state) => {
      live = state;
    },
    end: () => {
      if (ended) return;
      timer?.stop();
      if (isTerminal) out.write(erase());
      ended = true;
    },
  };
}

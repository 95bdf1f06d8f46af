import type { Writable } from 'node:stream';
import pc from 'picocolors';
import type { Clock, Timer } from '#common/clock.js';
import { formatMs } from '#test/support/text-table.js';

/** What the live view shows below the steps: lines as they are now. */
export type LiveLines = () => readonly string[];

/** Tells how the demo goes: redrawn in place on a terminal, plain lines elsewhere. */
export interface Progress {
  /** Runs one step and tells how it went. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Something that happened within the step. */
  note(line: string): void;
  /** From now on these lines stand below. */
  show(lines: LiveLines): void;
  /** Clears what is redrawn. */
  end(): void;
}

/** What a progress needs. */
export interface ProgressDeps {
  readonly out: Writable & { readonly columns?: number };
  readonly isTerminal: boolean;
  readonly clock: Clock;
}

const redrawMs = 150;

/** Progress on standard output. */
export function createProgress({ out, isTerminal, clock }: ProgressDeps): Progress {
  const startedMs = clock.nowMs();
  let live: LiveLines = () => [];
  let current: string | undefined;
  let drawn = 0;
  let timer: Timer | undefined;
  let ended = false;

  const elapsed = (): string => pc.dim(`${((clock.nowMs() - startedMs) / 1000).toFixed(1).padStart(5)} s`);
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (): void => {
    if (!isTerminal || ended) return;
    const width = Math.max(20, (out.columns ?? 80) - 1);
    const head = current === undefined ? [] : [`${elapsed()} ${pc.cyan('▶')} ${current}`];
    const lines = [...head, ...live().map((line) => `         ${line}`.slice(0, width))];
    out.write(`${erase()}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  const tick = (): void => {
    draw();
    timer = clock.after(redrawMs, tick);
  };
  const print = (line: string): void => {
    out.write(`${erase()}${line}\n`);
    drawn = 0;
    draw();
  };
  if (isTerminal) tick();

  return {
    step: async (title, work) => {
      const since = clock.nowMs();
      current = title;
      if (!isTerminal) print(`${elapsed()} ${pc.cyan('▶')} ${title}`);
      try {
        const result = await work();
        current = undefined;
        print(`${elapsed()} ${pc.green('✓')} ${title} ${pc.dim(formatMs(clock.nowMs() - since))}`);
        return result;
      } catch (error) {
        current = undefined;
        print(`${elapsed()} ${pc.red('✗')} ${title}: ${(error as Error).message}`);
        throw error;
      }
    },
    note: (line) => print(`${elapsed()}   ${line}`),
    show: (lines) => {
      live = lines;
    },
    end: () => {
      if (ended) return;
      timer?.stop();
      if (isTerminal) out.write(erase());
      ended = true;
    },
  };
}

import type { Clock, Timer } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { OpGate, Permit } from '../../panel/op-gate.js';
import type { Pty } from './pty.js';

/** Writes to a terminal in order, each byte once, under a hold named "pty.write". */
export interface PtyWriter {
  /**
   * @returns nothing when the terminal took everything at once, else a promise for when it has. Bytes for a terminal
   * that is closed are dropped: the program has ended.
   * @throws OPERATION_REFUSED when the gate is closing.
   */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
  /** Gives up what is being written: the terminal is about to be closed. */
  cancel(): void;
}

// Node cannot wait for a terminal to become writable: it asks again, soon at first.
const firstRetryMs = 1;
const lastRetryMs = 32;

/** One writer for one terminal. */
export function createPtyWriter(deps: { readonly pty: Pty; readonly gate: OpGate; readonly clock: Clock }): PtyWriter {
  const { pty, gate, clock } = deps;
  let busy: { readonly done: Promise<void>; cancel(): void } | undefined;

  const wait = (bytes: Uint8Array, permit: Permit): Promise<void> => {
    let rest = bytes;
    let timer: Timer | undefined;
    let settle!: () => void;
    const done = new Promise<void>((resolve) => {
      settle = () => {
        timer?.stop();
        busy = undefined;
        permit.release();
        resolve();
      };
    });
    const step = (delayMs: number): void => {
      timer = clock.after(delayMs, () => {
        const taken = pty.write(rest);
        rest = rest.subarray(taken ?? rest.length);
        if (rest.length === 0) settle();
        else step(taken === 0 ? Math.min(lastRetryMs, delayMs * 2) : firstRetryMs);
      });
    };
    busy = { done, cancel: settle };
    step(firstRetryMs);
    return done;
  };
  return {
    write: (bytes) => {
      if (busy) throw new PaneletError('INTERNAL', 'A write to the terminal is still under way. This is a bug.');
      const permit = gate.enter('pty.write', bytes.length);
      if (!permit) throw new PaneletError('OPERATION_REFUSED', 'The session is being closed and takes no more input.');
      const taken = pty.write(bytes) ?? bytes.length;
      if (taken < bytes.length) return wait(bytes.subarray(taken), permit);
      permit.release();
      return undefined;
    },
    idle: () => busy?.done ?? Promise.resolve(),
    cancel: () => busy?.cancel(),
  };
}

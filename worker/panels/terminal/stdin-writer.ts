import { PaneletError } from '#common/errors/errors.js';
import type { OpGate } from '../../panel/op-gate.js';
import type { Pipes } from './pipes.js';

/** Writes to a program's standard input in order, each byte once, under a hold named "stdin.write". */
export interface StdinWriter {
  /** Resolves when the pipe has taken everything. @throws OPERATION_REFUSED when the gate is closing. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
}

/** One writer for one program. */
export function createStdinWriter(deps: { readonly pipes: Pick<Pipes, 'write'>; readonly gate: OpGate }): StdinWriter {
  const { pipes, gate } = deps;
  let busy = Promise.resolve();
  return {
    write: (bytes) => {
      const permit = gate.enter('stdin.write', bytes.length);
      if (!permit) throw new PaneletError('OPERATION_REFUSED', 'The session is being closed and takes no more input.');
      busy = pipes.write(bytes).finally(() => permit.release());
      return busy;
    },
    idle: () => busy,
  };
}

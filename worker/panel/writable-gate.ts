import type { PanelOutput } from './panel.js';

/** Lets a panel wait for its output and go on when told to. */
export interface WritableGate {
  /** Resolves once the output is writable, or at the next `wake`. */
  wait(): Promise<void>;
  /** Lets everybody go on now, for a freeze or a close. */
  wake(): void;
}

/** Registers once with the output, however often somebody waits. */
export function createWritableGate(output: PanelOutput): WritableGate {
  const waiting = new Set<() => void>();
  const wake = (): void => {
    const awake = [...waiting];
    waiting.clear();
    for (const resolve of awake) resolve();
  };
  output.onWritable(wake);
  return {
    wake,
    wait: () => (output.canWrite() ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))),
  };
}

import { Channel } from '#proto/session/v1/session.js';
import type { PanelContext, PanelDefinition } from '#worker/panel/panel.js';

/** A panel that writes as fast as it may. */
export interface CounterPanel extends PanelDefinition {
  /** Lines written so far, of all sessions. */
  readonly written: number;
}

/** The panel `counter`: writes numbered lines of 64 bytes, as many as its parameter `count` says, and ends. */
export function createCounterPanel(): CounterPanel {
  let written = 0;
  const count = ({ output, parameters }: PanelContext): void => {
    const wanted = Number(parameters['count']);
    let line = 0;
    const write = (): void => {
      while (line < wanted && output.canWrite()) {
        output.writeData(Channel.STDOUT, Buffer.from(`${String(line++).padStart(63)}\n`));
        written++;
        if (line === wanted) output.end();
      }
    };
    output.onWritable(write);
    setImmediate(write);
  };
  return {
    name: 'counter',
    version: '1',
    checkpointable: false,
    afterCrash: 'end',
    open: (context) => {
      count(context);
      return Promise.resolve({
        input: () => undefined,
        freeze: () => Promise.resolve(),
        thaw: () => undefined,
        close: () => Promise.resolve(),
        details: () => ({}),
      });
    },
    get written() {
      return written;
    },
  };
}

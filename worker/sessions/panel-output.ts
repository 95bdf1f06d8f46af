import type { Endpoint } from '#session/endpoint/endpoint.js';
import type { Log } from '#common/log.js';
import type { PanelOutput } from '../panel/panel.js';

/** What `createPanelOutput` needs. */
export interface PanelOutputDeps {
  readonly endpoint: Endpoint;
  readonly log: Log;
  /** Something was written. */
  readonly onWritten: () => void;
}

/** The output of one panel session, with the ends that its driver holds. */
export interface DrivenOutput {
  readonly output: PanelOutput;
  /** Acknowledgements came in: tells the panel when it may write again. */
  acknowledged(): void;
  /** Nothing is taken any more: the session is over. */
  close(): void;
}

/** Output that ends in an endpoint. What is written after the end is dropped with a word in the log. */
export function createPanelOutput(deps: PanelOutputDeps): DrivenOutput {
  const { endpoint } = deps;
  const listeners: (() => void)[] = [];
  let ended = endpoint.totals.finSent;
  let waiting = false;
  const refused = (): boolean => {
    if (ended) deps.log.debug('Output after its end is dropped');
    return ended;
  };
  const output: PanelOutput = {
    writeData: (channel, bytes) => {
      if (refused()) return false;
      const more = endpoint.writeData(channel, bytes);
      waiting ||= !more;
      deps.onWritten();
      return more;
    },
    writeEvent: (event) => {
      if (refused()) return;
      endpoint.writeEvent(event);
      deps.onWritten();
    },
    end: () => {
      if (ended) return;
      ended = true;
      endpoint.writeFin();
      deps.onWritten();
    },
    canWrite: () => {
      const more = !ended && endpoint.canWrite();
      waiting ||= !more;
      return more;
    },
    onWritable: (callback) => void listeners.push(callback),
  };
  return {
    output,
    acknowledged: () => {
      if (!waiting || ended || !endpoint.canWrite()) return;
      waiting = false;
      for (const listener of listeners) listener();
    },
    close: () => {
      ended = true;
      listeners.length = 0;
    },
  };
}

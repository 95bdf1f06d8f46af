import type { Log } from '#common/log.js';

/**
 * Wraps handlers of events: an exception in one calls `end`, is counted, and goes no further. Without it, one peer's bytes that
 * nobody thought of would end the process, and with it everybody's connections.
 */
export type Contain = (
  end: (error: unknown) => void,
) => <A extends unknown[]>(handler: (...args: A) => void) => (...args: A) => void;

/** A containment that logs, and tells `onContained` of each exception. */
export function createContain({ log, onContained }: { readonly log: Log; readonly onContained?: () => void }): Contain {
  return (end) =>
    (handler) =>
    (...args) => {
      try {
        handler(...args);
      } catch (error) {
        onContained?.();
        log.error({ err: error }, 'A connection was ended by an exception');
        end(error);
      }
    };
}

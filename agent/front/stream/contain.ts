import { asError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';

/** Wraps a handler of events: what it throws never leaves it. */
export type Guard = <A extends unknown[]>(handler: (...args: A) => void) => (...args: A) => void;

/** Keeps exceptions of event handlers away from the process, which all connections share. */
export interface Containment {
  /**
   * A guard for the handlers of one stream or connection. An exception is logged and counted, then `end` has to end what
   * it happened in; if that throws as well, it is only logged and counted.
   */
  contain(end: (error: Error) => void): Guard;
}

/** Where contained exceptions are told. */
export interface ContainmentDeps {
  /** @default nothing is logged */
  readonly log?: Log;
  /** Counts each exception. */
  readonly onContained?: () => void;
}

/** A containment; without a log and a counter it is silent. */
export function createContainment({ log, onContained }: ContainmentDeps = {}): Containment {
  const told = (error: Error): void => {
    log?.error({ err: error }, 'A handler failed; what it belongs to ends, everything else goes on');
    onContained?.();
  };
  return {
    contain:
      (end) =>
      (handler) =>
      (...args) => {
        try {
          handler(...args);
        } catch (thrown) {
          const error = asError(thrown);
          told(error);
          try {
            end(error);
          } catch (again) {
            told(asError(again));
          }
        }
      },
  };
}

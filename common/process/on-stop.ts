import { constants } from 'node:os';
import { createProcessEnd } from './end-process.js';

// By a key, by whoever started the program, and because its terminal has gone.
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `stop` once, at the first signal that asks the program to end. Where it gives a promise, the process ends when
 * that is settled, with the exit code of the signal. Each further signal calls `again`.
 *
 * From now on an output that has gone is no reason to end, either: without this the first word after a terminal's window
 * was closed is an error that nobody handles (EIO), and what the program started would be left behind.
 */
export function onStop(
  self: NodeJS.Process,
  stop: (signal: NodeJS.Signals) => Promise<unknown> | undefined,
  again: () => void = () => undefined,
): void {
  for (const stream of [self.stdout, self.stderr]) stream.on('error', () => undefined);
  const processEnd = createProcessEnd(self);
  let isStopping = false;
  for (const signal of stopSignals) {
    self.on(signal, () => {
      if (isStopping) {
        again();
        return;
      }
      isStopping = true;
      const exitCode = 128 + constants.signals[signal];
      void stop(signal)?.then(
        () => processEnd.end(exitCode),
        () => processEnd.end(exitCode),
      );
    });
  }
}

import type { CliWorld } from './cli-world.js';
import { exitCodes } from './exit-codes.js';

/** What became of what was written to standard output. */
export interface StdoutWatch {
  /**
   * Waits until everything is written. @returns the exit code: that of the command, unless it is 0 and its results could
   * not be written; then one line says why. A reader that went away has read enough: nothing is said, and the code is
   * that of a program that SIGPIPE ends.
   */
  settle(exitCode: number): Promise<number>;
}

/** Watches standard output for errors, for every command in one place: nothing that was lost ends with exit code 0. */
export function watchStdout({ stdout, stderr }: Pick<CliWorld, 'stdout' | 'stderr'>): StdoutWatch {
  let failure: NodeJS.ErrnoException | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error;
  });
  // Nobody is left to tell.
  stderr.on('error', () => undefined);
  return {
    settle: async (exitCode) => {
      await new Promise<void>((resolve) => stdout.write('', () => resolve()));
      // A stream tells of an error after it has called back.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (failure === undefined) return exitCode;
      if (failure.code === 'EPIPE') return exitCodes.brokenPipe.code;
      stderr.write(`panelet: cannot write to standard output: ${failure.message}\n`);
      return exitCode === exitCodes.ok.code ? exitCodes.failure.code : exitCode;
    },
  };
}

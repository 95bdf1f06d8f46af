import type { Writable } from 'node:stream';
import type { CliWorld } from '../io/cli-world.js';
import { exitCodes } from '../io/exit-codes.js';
import type { SessionOutcome } from './read-output.js';
import { writeOn } from '../io/write-on.js';

/** Where the output and the errors of a program on pipes go. */
export interface ProgramOutputs {
  /** Writes, and resolves when more may be written. What a closed one does not take is dropped. */
  put(to: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  /** Waits until all is written. @returns the outcome, or that of a session whose output is not all here. */
  judge(outcome: SessionOutcome, onStop: 'detach' | 'terminate'): Promise<SessionOutcome>;
  stop(): void;
}

/**
 * Writes a program's output and errors to the streams of the same names. `onFailure` is called once one of them takes
 * nothing any more. For standard error that counts from the first that the program writes there: nobody depends on our words.
 */
export function createProgramOutputs(
  streams: Pick<CliWorld, 'stdout' | 'stderr'>,
  onFailure: () => void,
): ProgramOutputs {
  const { stdout, stderr } = streams;
  let failure: NodeJS.ErrnoException | undefined;
  let wroteErrors = false;
  const failed = (error: NodeJS.ErrnoException): void => {
    failure ??= error;
    onFailure();
  };
  const stderrFailed = (error: NodeJS.ErrnoException): void => {
    if (wroteErrors) failed(error);
  };
  stdout.on('error', failed);
  stderr.on('error', stderrFailed);
  return {
    put: async (to, bytes) => {
      const out = streams[to];
      if (to === 'stderr') wroteErrors = true;
      if (out.writable) await writeOn(out, bytes);
      else failed(out.errored ?? new Error('it is closed'));
    },
    judge: async (outcome, onStop) => {
      if (wroteErrors) await flush(stderr);
      if (failure === undefined) return outcome;
      const isOurs = outcome.kind === 'ended' || outcome.kind === 'detached';
      if (isOurs && onStop === 'terminate') return { kind: 'unwritten', error: failure };
      return outcome.kind === 'exited' && outcome.code === 0 ? { ...outcome, code: codeOfUnwritten(failure) } : outcome;
    },
    stop: () => {
      stdout.off('error', failed);
      stderr.off('error', stderrFailed);
    },
  };
}

/** The exit code where output could not be written: nobody reads any more, or it is lost. */
export function codeOfUnwritten({ code }: NodeJS.ErrnoException): number {
  return code === 'EPIPE' ? exitCodes.brokenPipe.code : exitCodes.failure.code;
}

async function flush(out: Writable): Promise<void> {
  await new Promise<void>((resolve) => out.write('', () => resolve()));
  // A stream tells of an error after it has called back.
  await new Promise<void>((resolve) => setImmediate(resolve));
}

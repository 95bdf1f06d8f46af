import { Readable } from 'node:stream';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { errorOfEnding } from './error-of-ending.js';
import type { ProgramExit, SessionItem } from './panelet-session.js';

/** A session's output as streams. */
export interface OutputStreams {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How the program ended; undefined when the session was over before anybody said so. Never rejects. */
  readonly exit: Promise<ProgramExit | undefined>;
}

/** A stream, and a wait for its reader. */
interface Lane {
  readonly stream: Readable;
  /** Resolves when the reader wants more, or has gone. */
  push(bytes: Uint8Array): Promise<void>;
}

function createLane(): Lane {
  let wanted: (() => void) | undefined;
  const go = (): void => {
    const resolve = wanted;
    wanted = undefined;
    resolve?.();
  };
  const stream = new Readable({
    read: go,
    destroy: (error, done) => {
      go();
      done(error);
    },
  });
  return {
    stream,
    push: (bytes) =>
      new Promise((resolve) => {
        // Set first: a reader may ask for more within the push.
        wanted = resolve;
        if (stream.destroyed || stream.push(bytes)) go();
      }),
  };
}

/**
 * Splits items into streams. One that nobody reads holds the other back, as with a child process; one that is destroyed
 * does not. Both fail with SESSION_LOST where output is missing, with DRAIN_FORCED, PANEL_FAILED or SESSION_ENDED where the session
 * was ended in the middle of it, and with the session's error when that fails.
 */
export function createOutputStreams(items: AsyncIterable<SessionItem>): OutputStreams {
  const [stdout, stderr] = [createLane(), createLane()];
  const streams = [stdout.stream, stderr.stream];
  // Both fail with the same: who reads stdout alone has heard it, and must not die of the other.
  stderr.stream.on('error', () => undefined);
  const exit = createLatch<ProgramExit | undefined>();
  const take = async (item: SessionItem): Promise<void> => {
    switch (item.kind) {
      case 'data':
        return (item.channel === 'stderr' ? stderr : stdout).push(item.payload);
      case 'snapshot':
        return stdout.push(item.payload);
      case 'exit':
        exit.resolve({ code: item.code, signal: item.signal });
        return undefined;
      case 'lost':
        throw new PaneletError('SESSION_LOST', `Output is missing: ${item.loss.message}`);
      case 'ended':
        throw errorOfEnding(item);
      case 'event':
      case 'fin':
        return undefined;
    }
  };
  const run = async (): Promise<void> => {
    try {
      for await (const item of items) await take(item);
      for (const stream of streams) stream.push(null);
    } catch (error) {
      for (const stream of streams) stream.destroy(error as Error);
    } finally {
      exit.resolve(undefined);
    }
  };
  void run();
  return { stdout: stdout.stream, stderr: stderr.stream, exit: exit.promise };
}

import type { Readable } from 'node:stream';
import { closedErrorOf } from './closed-error.js';
import type { SessionCore } from './session-core.js';

/** Output as a web stream, which reads nothing ahead. Who cancels it drops what comes. */
export function createReadableStream(output: Readable): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = output[Symbol.asyncIterator]() as AsyncIterator<Uint8Array<ArrayBuffer>>;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: async (controller) => {
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      // An iterator that was never asked for anything would not do it.
      cancel: () => void output.destroy(),
    },
    { highWaterMark: 0 },
  );
}

/**
 * Input as a web stream, which hands each piece to `write` and fails once the session is closed. Who aborts it writes no more, and nobody is told of an end of input: what was
 * meant to be written is not whole.
 */
export function createWritableStream(
  core: SessionCore,
  write: (bytes: Uint8Array | string) => Promise<void>,
): WritableStream<Uint8Array | string> {
  return new WritableStream<Uint8Array | string>({
    start: (controller) => {
      void core.closed.then((end) => controller.error(closedErrorOf(end)));
    },
    write,
    close: () => core.add({ kind: 'fin' }),
  });
}

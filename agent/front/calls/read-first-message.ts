import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { asError, PaneletError } from '#common/errors/errors.js';
import { createFirstMessage, type FirstMessage } from './first-message.js';

/** How a first message is read. */
export interface FirstMessageBounds {
  readonly limitBytes: number;
  /** Ends the reading, with its reason. */
  readonly signal: AbortSignal;
  /** Told how many bytes are there. */
  readonly onSize?: (sizeBytes: number) => void;
}

/**
 * Reads a stream up to the end of its first gRPC message, and pauses it there.
 * @throws PaneletError FRAME_INVALID when it is too large, or does not come; the signal's reason.
 */
export function readFirstMessage(
  { stream, headers }: { readonly stream: ServerHttp2Stream; readonly headers: IncomingHttpHeaders },
  { limitBytes, signal, onSize }: FirstMessageBounds,
): Promise<FirstMessage> {
  const encoding = headers['grpc-encoding'];
  const message = createFirstMessage(limitBytes, typeof encoding === 'string' ? encoding : undefined);
  return new Promise((resolve, reject) => {
    let sizeBytes = 0;
    const settle = (done: () => void): void => {
      stream.off('data', take);
      stream.off('end', ended);
      signal.removeEventListener('abort', abort);
      stream.pause();
      done();
    };
    const take = (chunk: Buffer): void => {
      try {
        sizeBytes += chunk.length;
        onSize?.(sizeBytes);
        if (message.push(chunk)) settle(() => resolve(message));
      } catch (error) {
        settle(() => reject(asError(error)));
      }
    };
    const ended = (): void =>
      settle(() => reject(new PaneletError('FRAME_INVALID', 'The stream ended before a complete message.')));
    const abort = (): void => settle(() => reject(asError(signal.reason)));
    stream.on('data', take);
    stream.on('end', ended);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

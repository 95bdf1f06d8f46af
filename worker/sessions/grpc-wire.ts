import type { ServerDuplexStream } from '@grpc/grpc-js';
import { constants } from 'node:http2';
import { isPaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Wire } from './attachment.js';

/** An Attach call whose messages are bytes. */
export type AttachStream = ServerDuplexStream<Buffer, Buffer>;

// grpc-js has no public way to reset one stream (1.14.7, pinned; a test watches that this still works).
interface Inside {
  readonly stream?: { close(code: number): void };
  readonly nextCall?: Inside;
}

function resetStream(call: AttachStream): void {
  let inside = (call as unknown as { readonly call?: Inside }).call;
  while (inside !== undefined && inside.stream === undefined) inside = inside.nextCall;
  inside?.stream?.close(constants.NGHTTP2_CANCEL);
}

/** The wire of a grpc-js call. */
export function grpcWire(call: AttachStream): Wire {
  return {
    write: (message, taken) => {
      if (call.destroyed || call.writableEnded) return;
      const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
      call.write(bytes, (error: Error | null | undefined) => {
        if (error === null || error === undefined) taken();
      });
    },
    end: () => {
      if (!call.destroyed && !call.writableEnded) call.end();
    },
    refuse: (error) => {
      const subject = isPaneletError(error, 'LIMIT_EXCEEDED') ? { subject: 'sessions' } : {};
      if (!call.destroyed && !call.writableEnded) call.emit('error', statusOf(error, subject));
    },
    cut: () => resetStream(call),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
  };
}

import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** What a connection consists of. */
export interface SessionParts {
  readonly session?: Http2Session | undefined;
  readonly socket?: Socket | undefined;
}

/**
 * Ends a connection once the event loop has gone round. At once, it could be in the middle of what nghttp2 tells of that very session
 * (a stream that comes, one that is over): Node 20 then frees streams that nghttp2 goes on to use, and the process dies.
 */
export function endSession({ session, socket }: SessionParts): void {
  setImmediate(() => {
    session?.destroy();
    socket?.destroy();
  });
}

import type { Peer } from './peer.js';
import { frameFlag, frameType } from './wire.js';

/** The streams of one connection. */
export interface Streams {
  /**
   * Opens a stream with what `begin` writes. Resolves with true when the agent has ended it, with false when it was reset
   * or the connection has ended. `onAnswer` is told of the first DATA, and what it returns is written.
   */
  open(begin: (stream: number) => Buffer, onAnswer?: (stream: number) => Buffer): Promise<boolean>;
}

interface OpenStream {
  onAnswer: ((stream: number) => Buffer) | undefined;
  readonly end: (byAgent: boolean) => void;
}

/** Follows the streams of a connection, from its first one on. */
export function followStreams(peer: Peer): Streams {
  const streams = new Map<number, OpenStream>();
  const end = (stream: number, byAgent: boolean): void => {
    streams.get(stream)?.end(byAgent);
    streams.delete(stream);
  };
  peer.onFrame = ({ type, flags, stream }) => {
    const found = streams.get(stream);
    if (found === undefined) return;
    if (type === frameType.resetStream) end(stream, false);
    else if ((type === frameType.data || type === frameType.headers) && (flags & frameFlag.endStream) !== 0) {
      end(stream, true);
    } else if (type === frameType.data && found.onAnswer !== undefined) {
      void peer.write(found.onAnswer(stream));
      found.onAnswer = undefined;
    }
  };
  void peer.closed.then(() => {
    for (const stream of [...streams.keys()]) end(stream, false);
  });
  return {
    open: (begin, onAnswer) => {
      if (!peer.isOpen()) return Promise.resolve(false);
      const stream = peer.nextStream();
      const ended = new Promise<boolean>((resolve) => streams.set(stream, { onAnswer, end: resolve }));
      void peer.write(begin(stream));
      return ended;
    },
  };
}

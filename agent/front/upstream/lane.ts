import { connect as connectSession, type ClientHttp2Stream, type OutgoingHttpHeaders, type Settings } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { endSession } from '../stream/end-session.js';

/** One connection to a server on a Unix socket, with the streams on it counted. */
export interface Lane {
  /** Resolves once streams can be opened; rejects with WORKER_UNAVAILABLE when that fails. */
  readonly ready: Promise<void>;
  /** True when it takes one more stream with so many bytes of headers. */
  fits(headerBytes: number): boolean;
  /** Takes a place for a stream; to be given back when that stream is over or was never opened. */
  reserve(headerBytes: number): LanePlace;
  /** Opens a stream. @throws when the connection is lost. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Streams on it, and those that are being opened. */
  readonly streams: number;
  /** True until the connection is over; streams may go on though no new one fits. */
  readonly alive: boolean;
  /** True when nothing is read from it and nothing can be written to it, since the question before. */
  isStuck(): boolean;
  /** Ends it at once, with every stream on it. */
  destroy(): void;
}

/** A stream's place on a lane. */
export interface LanePlace {
  /** The server has read the headers. */
  readonly answered: () => void;
  /** The stream is over. Twice is fine. */
  readonly release: () => void;
}

// Bounds what the agent buffers for one client that does not read; the hop is local, so it costs no throughput.
const streamWindowBytes = 256 * 1024;
// The server's own, for what the agent sends, stays at 64 KiB: Node's HTTP/2 does not read from a socket while a write
// waits for it, and two ends that both wait never read again. This one bounds what a server may have to write before it
// reads; at 8 MiB, the window updates alone filled the buffer of the socket on the way back.
const connectionWindowBytes = 1024 * 1024;
const maxStreams = 100;
// Headers are not under flow control: unbounded, those that the server has not read yet would fill the socket.
const maxUnansweredBytes = 48 * 1024;

/** Connects to a socket. `onLost` is called once, when no stream can be opened any more. */
export function openLane(socketPath: string, onLost: () => void): Lane {
  const ready = createLatch();
  let socket: Socket | undefined;
  let streamLimit = maxStreams;
  let streams = 0;
  let unansweredBytes = 0;
  let usable = true;
  let gone = false;
  let readBefore = -1;
  const session = connectSession('http://localhost', {
    createConnection: () => (socket = connectSocket(socketPath)),
    settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    maxSessionMemory: 64,
  });
  const lose = (error: PaneletError): void => {
    ready.reject(error);
    if (!usable) return;
    usable = false;
    onLost();
  };
  // A session that is destroyed while a write waits never comes to its end by itself: its socket is destroyed too.
  const destroy = (): void => {
    gone = true;
    lose(unavailable(`The connection to ${socketPath} was ended.`));
    endSession({ session, socket });
  };
  session.on('error', (cause) => {
    lose(unavailable(`Nothing accepts at ${socketPath}.`, cause));
    destroy();
  });
  // Streams that it still answers go on; others go elsewhere.
  session.on('goaway', () => lose(unavailable('The server is going away.')));
  session.on('close', destroy);
  session.once('remoteSettings', (settings: Settings) => {
    streamLimit = Math.min(maxStreams, settings.maxConcurrentStreams ?? maxStreams);
    if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
    ready.resolve();
  });
  return {
    ready: ready.promise,
    fits: (headerBytes) =>
      usable && streams < streamLimit && (streams === 0 || unansweredBytes + headerBytes <= maxUnansweredBytes),
    reserve: (headerBytes) => {
      streams++;
      unansweredBytes += headerBytes;
      let waits = true;
      let taken = true;
      const answered = (): void => {
        if (waits) unansweredBytes -= headerBytes;
        waits = false;
      };
      const release = (): void => {
        answered();
        if (taken) streams--;
        taken = false;
      };
      return { answered, release };
    },
    request: (headers) => session.request(headers, { endStream: false }),
    get streams() {
      return streams;
    },
    get alive() {
      return !session.destroyed;
    },
    isStuck: () => {
      if (gone || session.destroyed || socket === undefined || socket.connecting) return false;
      const silent = socket.bytesRead === readBefore;
      const full = (session.state.outboundQueueSize ?? 0) > 0;
      readBefore = socket.bytesRead;
      if (silent && full) return true;
      // What a healthy connection passes on at once; where writing is stuck, it is found waiting the next time.
      if (silent && streams > 0) session.settings({});
      return false;
    },
    destroy,
  };
}

/** The error of a worker that cannot be reached. */
export function unavailable(message: string, cause?: unknown): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', message, { cause });
}

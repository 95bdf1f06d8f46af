import {
  connect as connectSession,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
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
  return new SessionLane(socketPath, onLost);
}

class SessionLane implements Lane {
  readonly ready: Promise<void>;
  readonly #ready = createLatch();
  readonly #socketPath: string;
  readonly #onLost: () => void;
  readonly #session: ClientHttp2Session;
  #socket: Socket | undefined;
  #streamLimit = maxStreams;
  #streams = 0;
  #unansweredBytes = 0;
  #isUsable = true;
  #isGone = false;
  #readBefore = -1;

  constructor(socketPath: string, onLost: () => void) {
    this.ready = this.#ready.promise;
    this.#socketPath = socketPath;
    this.#onLost = onLost;
    this.#session = connectSession('http://localhost', {
      createConnection: () => (this.#socket = connectSocket(socketPath)),
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxSessionMemory: 64,
    });
    this.#listen();
  }

  get streams(): number {
    return this.#streams;
  }

  get alive(): boolean {
    return !this.#session.destroyed;
  }

  fits(headerBytes: number): boolean {
    if (!this.#isUsable || this.#streams >= this.#streamLimit) return false;
    return this.#streams === 0 || this.#unansweredBytes + headerBytes <= maxUnansweredBytes;
  }

  reserve(headerBytes: number): LanePlace {
    this.#streams++;
    this.#unansweredBytes += headerBytes;
    let waits = true;
    let taken = true;
    const answered = (): void => {
      if (waits) this.#unansweredBytes -= headerBytes;
      waits = false;
    };
    const release = (): void => {
      answered();
      if (taken) this.#streams--;
      taken = false;
    };
    return { answered, release };
  }

  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    return this.#session.request(headers, { endStream: false });
  }

  isStuck(): boolean {
    const socket = this.#socket;
    if (this.#isGone || this.#session.destroyed || socket === undefined || socket.connecting) return false;
    const silent = socket.bytesRead === this.#readBefore;
    const full = (this.#session.state.outboundQueueSize ?? 0) > 0;
    this.#readBefore = socket.bytesRead;
    if (silent && full) return true;
    // What a healthy connection passes on at once; where writing is stuck, it is found waiting the next time.
    if (silent && this.#streams > 0) this.#session.settings({});
    return false;
  }

  // A session that is destroyed while a write waits never comes to its end by itself: its socket is destroyed too.
  destroy(): void {
    this.#isGone = true;
    this.#lose(unavailable(`The connection to ${this.#socketPath} was ended.`));
    endSession({ session: this.#session, socket: this.#socket });
  }

  #listen(): void {
    const session = this.#session;
    session.on('error', (cause) => {
      this.#lose(unavailable(`Nothing accepts at ${this.#socketPath}.`, cause));
      this.destroy();
    });
    // Streams that it still answers go on; others go elsewhere.
    session.on('goaway', () => this.#lose(unavailable('The server is going away.')));
    session.on('close', () => this.destroy());
    session.once('remoteSettings', (settings: Settings) => {
      this.#streamLimit = Math.min(maxStreams, settings.maxConcurrentStreams ?? maxStreams);
      if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes);
      this.#ready.resolve();
    });
  }

  #lose(error: PaneletError): void {
    this.#ready.reject(error);
    if (!this.#isUsable) return;
    this.#isUsable = false;
    this.#onLost();
  }
}

/** The error of a worker that cannot be reached. */
export function unavailable(message: string, cause?: unknown): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', message, { cause });
}

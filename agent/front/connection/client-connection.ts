import { setMaxListeners } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TokenBucket } from '#common/time/token-bucket.js';
import type { RatedConnection } from '../turns/call-rates.js';
import { endSession } from '../stream/end-session.js';
import type { CallerConnection } from '../../access/identity.js';
import { networkOf } from './network-of.js';

/** A connection of a client, as those who serve its calls see it. */
export interface ClientConnection extends CallerConnection {
  /** True once it is over. */
  readonly gone: boolean;
  /** Aborts when it is over. */
  readonly signal: AbortSignal;
  /** Calls back once when it is over, until the returned function is called. */
  onGone(callback: () => void): () => void;
  /** Says that a caller was verified on it. */
  accept(caller: string): void;
  /** Says that somebody on it could not prove who they are. */
  refuse(): void;
  /** Says that a caller on it goes on to call though that is refused. */
  flood(): void;
}

/** A connection of a client, as the front holds it. */
export interface HeldConnection extends ClientConnection, RatedConnection {
  /** Key of the socket, as its HTTP/2 session knows it too. */
  readonly key: string;
  readonly session: ServerHttp2Session | undefined;
  /** True once it has said enough to begin with. */
  spoken: boolean;
  /** Streams that are open. */
  streams: number;
  /** Bytes of the headers of strangers' streams that are open. */
  headerBytes: number;
  /** What it has sent and nobody may have read, at most as much as it was granted. */
  unreadBytes(): number;
  /** Takes up the HTTP/2 session once there is one. */
  attach(session: ServerHttp2Session): void;
  /**
   * Asks the session whether it still speaks, when something was read since the question before. Node does not tell when nghttp2
   * has given a connection up after an error: it neither reads nor writes any more, so what is handed to it now stays in its queue.
   * @returns false for one that is dead.
   */
  probe(): boolean;
  /** Ends it at once: session, streams and socket. */
  readonly end: () => void;
}

/** Told of what happens to a connection. */
export interface ConnectionEvents {
  readonly onAccept: (connection: HeldConnection, caller: string) => void;
  readonly onRefuse: (connection: HeldConnection, refusals: number) => void;
  readonly onFlood: (connection: HeldConnection) => void;
  readonly onEnd: (connection: HeldConnection) => void;
}

const noBytes = -1;
// In a row, with nothing read, nothing drained and something to send.
const deadAfterLooks = 2;

/** A socket, as far as it says who is at its other end. */
export interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Key of a socket: its peer's address and port. */
export function socketKey(socket: PeerSocket): string {
  return `${socket.remoteAddress ?? ''}|${socket.remotePort ?? ''}`;
}

/** What a connection is made of. */
export interface AcceptedSocket {
  /** A number that no other connection of this agent has. */
  readonly id: number;
  readonly socket: Socket;
  /** Window of the connection, in bytes. */
  readonly grantedBytes: number;
}

/** A connection over a socket that was accepted. */
export class SocketConnection implements HeldConnection {
  readonly id: number;
  readonly address: string;
  readonly network: string;
  readonly key: string;
  spoken = false;
  streams = 0;
  headerBytes = 0;
  rate: TokenBucket | undefined;
  strangerRate: TokenBucket | undefined;
  resetRate: TokenBucket | undefined;
  readonly #socket: Socket;
  readonly #grantedBytes: number;
  readonly #events: ConnectionEvents;
  readonly #callbacks = new Set<() => void>();
  #session: ServerHttp2Session | undefined;
  #ending: AbortController | undefined;
  #isGone = false;
  #isAccepted = false;
  #onlyCaller: string | undefined;
  #refusals = 0;
  #asked = noBytes;
  #written = noBytes;
  #stillLooks = 0;

  constructor({ id, socket, grantedBytes }: AcceptedSocket, events: ConnectionEvents) {
    this.id = id;
    this.address = socket.remoteAddress ?? '';
    this.network = networkOf(this.address);
    this.key = socketKey(socket);
    this.#socket = socket;
    this.#grantedBytes = grantedBytes;
    this.#events = events;
    socket.on('error', this.end);
    socket.once('close', this.end);
  }

  get gone(): boolean {
    return this.#isGone;
  }

  get session(): ServerHttp2Session | undefined {
    return this.#session;
  }

  get signal(): AbortSignal {
    if (this.#ending === undefined) {
      this.#ending = new AbortController();
      // Every call that waits listens to it.
      setMaxListeners(0, this.#ending.signal);
      if (this.#isGone) this.#ending.abort(isOver());
    }
    return this.#ending.signal;
  }

  onGone(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  accepted(): boolean {
    return this.#isAccepted;
  }

  onlyCaller(): string | undefined {
    return this.#onlyCaller;
  }

  accept(caller: string): void {
    if (this.#isGone) return;
    if (this.#onlyCaller !== caller) this.#onlyCaller = this.#isAccepted ? undefined : caller;
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    this.#events.onAccept(this, caller);
  }

  refuse(): void {
    if (!this.#isAccepted && !this.#isGone) this.#events.onRefuse(this, ++this.#refusals);
  }

  flood(): void {
    if (!this.#isGone) this.#events.onFlood(this);
  }

  unreadBytes(): number {
    return Math.min(this.#socket.bytesRead, this.#grantedBytes);
  }

  attach(session: ServerHttp2Session): void {
    this.#session = session;
  }

  probe(): boolean {
    const session = this.#session;
    if (session === undefined || session.destroyed) return true;
    const { bytesRead, bytesWritten } = this.#socket;
    if (bytesRead === this.#asked) {
      // Of a slow client nothing may be read for a while; what it is sent still drains.
      const isStill = bytesWritten === this.#written && (session.state.outboundQueueSize ?? 0) > 0;
      this.#written = bytesWritten;
      this.#stillLooks = isStill ? this.#stillLooks + 1 : 0;
      return this.#stillLooks < deadAfterLooks;
    }
    this.#asked = bytesRead;
    this.#stillLooks = 0;
    // With the answer alone nothing is asked again: an idle connection stays idle.
    session.ping(() => (this.#asked = this.#socket.bytesRead));
    return true;
  }

  // Bound: sockets, sessions and timers call it.
  readonly end = (): void => {
    if (this.#isGone) return;
    this.#isGone = true;
    endSession({ session: this.#session, socket: this.#socket });
    this.#ending?.abort(isOver());
    for (const callback of [...this.#callbacks]) callback();
    this.#callbacks.clear();
    this.#events.onEnd(this);
  };
}

function isOver(): Error {
  return new Error('The connection of the client is over.');
}

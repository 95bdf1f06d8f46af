import { setMaxListeners } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
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

/** A connection over a socket that was accepted. `grantedBytes` is the window of the connection. */
export function createClientConnection(
  { id, socket, grantedBytes }: { readonly id: number; readonly socket: Socket; readonly grantedBytes: number },
  events: ConnectionEvents,
): HeldConnection {
  const callbacks = new Set<() => void>();
  let session: ServerHttp2Session | undefined;
  let ending: AbortController | undefined;
  let isAccepted = false;
  let onlyCaller: string | undefined;
  let refusals = 0;
  let asked = noBytes;
  let written = noBytes;
  let stillLooks = 0;
  const end = (): void => {
    if (connection.gone) return;
    connection.gone = true;
    endSession({ session, socket });
    ending?.abort(new Error('The connection of the client is over.'));
    for (const callback of [...callbacks]) callback();
    callbacks.clear();
    events.onEnd(connection);
  };
  const connection = {
    id,
    address: socket.remoteAddress ?? '',
    network: networkOf(socket.remoteAddress ?? ''),
    key: socketKey(socket),
    gone: false,
    spoken: false,
    streams: 0,
    headerBytes: 0,
    get session() {
      return session;
    },
    get signal() {
      if (ending === undefined) {
        ending = new AbortController();
        // Every call that waits listens to it.
        setMaxListeners(0, ending.signal);
        if (connection.gone) ending.abort(new Error('The connection of the client is over.'));
      }
      return ending.signal;
    },
    onGone: (callback: () => void) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    accepted: () => isAccepted,
    onlyCaller: () => onlyCaller,
    accept: (caller: string) => {
      if (connection.gone) return;
      if (onlyCaller !== caller) onlyCaller = isAccepted ? undefined : caller;
      if (isAccepted) return;
      isAccepted = true;
      events.onAccept(connection, caller);
    },
    refuse: () => {
      if (!isAccepted && !connection.gone) events.onRefuse(connection, ++refusals);
    },
    flood: () => {
      if (!connection.gone) events.onFlood(connection);
    },
    unreadBytes: () => Math.min(socket.bytesRead, grantedBytes),
    attach: (next: ServerHttp2Session) => {
      session = next;
    },
    probe: () => {
      if (session === undefined || session.destroyed) return true;
      const { bytesRead, bytesWritten } = socket;
      if (bytesRead === asked) {
        // Of a slow client nothing may be read for a while; what it is sent still drains.
        const isStill = bytesWritten === written && (session.state.outboundQueueSize ?? 0) > 0;
        written = bytesWritten;
        stillLooks = isStill ? stillLooks + 1 : 0;
        return stillLooks < deadAfterLooks;
      }
      asked = bytesRead;
      stillLooks = 0;
      // With the answer alone nothing is asked again: an idle connection stays idle.
      session.ping(() => (asked = socket.bytesRead));
      return true;
    },
    end,
  };
  socket.on('error', end);
  socket.once('close', end);
  return connection;
}

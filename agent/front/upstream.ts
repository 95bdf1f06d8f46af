import {
  connect as connectSession,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Clock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import { keepAlive } from './keepalive.js';

/** Streams to one server on a Unix socket, over one connection that is made when needed and made again when lost. */
export interface Upstream {
  /**
   * Opens a stream once connected.
   * @throws PaneletError WORKER_UNAVAILABLE when nothing accepts at the socket.
   */
  open(headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream>;
  /** Ends the connection and every stream on it. Nothing can be opened after that. */
  close(): void;
}

/** What an upstream needs. */
export interface UpstreamDeps {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

// Bounds what the agent buffers for one client that does not read; the hop is local, so it costs no throughput.
const streamWindowBytes = 256 * 1024;
// The worker's own, for what the agent sends, stays at 64 KiB: Node's HTTP/2 does not read from a socket while a write
// waits for it, and two ends that both wait never read again. This one bounds what a worker may have to write before it
// reads; at 8 MiB, the window updates alone filled the buffer of the socket on the way back.
const connectionWindowBytes = 1024 * 1024;

/** An upstream for one socket. */
export function createUpstream(deps: UpstreamDeps): Upstream {
  let current: Promise<ClientHttp2Session> | undefined;
  let closed = false;
  const forget = (session: Promise<ClientHttp2Session>): void => {
    if (current === session) current = undefined;
  };
  const session = (): Promise<ClientHttp2Session> => {
    if (current !== undefined) return current;
    const made = connectUpstream(deps, () => forget(made));
    made.catch(() => forget(made));
    current = made;
    return made;
  };
  return {
    open: async (headers) => {
      if (closed) throw unavailable('The agent is going away.');
      const live = await session();
      try {
        return live.request(headers, { endStream: false });
      } catch (cause) {
        throw unavailable('The connection to the worker was lost.', cause);
      }
    },
    close: () => {
      closed = true;
      current?.then(
        (live) => live.destroy(),
        () => undefined,
      );
    },
  };
}

function connectUpstream(deps: UpstreamDeps, onLost: () => void): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectSession('http://localhost', {
      createConnection: () => connectSocket(deps.socketPath),
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      // Every stream of the panel shares the connection; each is bounded by its window.
      maxSessionMemory: 1_000_000,
    });
    session.on('error', (cause) => {
      onLost();
      reject(unavailable(`Nothing accepts at ${deps.socketPath}.`, cause));
    });
    session.on('goaway', onLost);
    session.on('close', () => {
      onLost();
      reject(unavailable(`The connection to ${deps.socketPath} was closed.`));
    });
    session.once('connect', () => {
      session.setLocalWindowSize(connectionWindowBytes);
      keepAlive(session, { clock: deps.clock, intervalMs: deps.keepaliveMs, timeoutMs: deps.keepaliveTimeoutMs });
      resolve(session);
    });
  });
}

function unavailable(message: string, cause?: unknown): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', message, { cause });
}

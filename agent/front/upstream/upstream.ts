import { constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { Clock, Timer } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import type { ClientConnection } from '../connection/client-connection.js';
import { CallerLanes } from './caller-lanes.js';
import { unavailable, type Lane, type LanePlace } from './lane.js';
import { tooMany } from './too-many.js';

/** Whose stream it is. */
export interface StreamOrigin {
  /** The client's connection that the call came on. */
  readonly connection: ClientConnection;
  /** Name of the caller. */
  readonly caller: string;
}

/**
 * Streams to one server on a Unix socket. A connection to it ({@link Lane}) carries the streams of one caller, and as long as
 * he has few, of one of his connections: what he does to it is nobody else's.
 */
export interface Upstream {
  /**
   * Opens a stream, as soon as the server has taken up enough of those that the caller opened before.
   * @throws the signal's reason when it aborts; PaneletError WORKER_UNAVAILABLE when nothing accepts at the socket; LIMIT_EXCEEDED when the caller has too many
   * streams there, or broke off too many.
   */
  open(origin: StreamOrigin, headers: OutgoingHttpHeaders, signal?: AbortSignal): Promise<ClientHttp2Stream>;
  /** Ends every connection and every stream on them: the server does not answer any more. It may be tried again. */
  cut(): void;
  /** As {@link Upstream.cut}; nothing can be opened after that. */
  close(): void;
}

/** What an upstream needs. */
export interface UpstreamDeps {
  /** Read anew for every connection: a worker that comes back may be elsewhere. */
  readonly socketPath: string;
  readonly clock: Clock;
}

/** Time for a server to take a connection. */
const connectMs = 5_000;
const patrolMs = 5_000;

/** An upstream for one socket. */
export function createUpstream(deps: UpstreamDeps): Upstream {
  return new SocketUpstream(deps);
}

/** Where one stream is opened, and how its places are given back. */
interface Opening {
  readonly caller: CallerLanes;
  readonly connection: ClientConnection;
  readonly lane: Lane;
  readonly place: LanePlace;
  readonly leave: () => void;
}

class SocketUpstream implements Upstream {
  readonly #deps: UpstreamDeps;
  readonly #callers = new Map<string, CallerLanes>();
  #isClosed = false;
  #patrol: Timer | undefined;

  constructor(deps: UpstreamDeps) {
    this.#deps = deps;
  }

  async open(origin: StreamOrigin, headers: OutgoingHttpHeaders, signal?: AbortSignal): Promise<ClientHttp2Stream> {
    if (this.#isClosed) throw unavailable('The agent is going away.');
    const { connection } = origin;
    const caller = this.#callerOf(origin.caller);
    if (!caller.resets.available()) {
      throw tooMany('You broke off too many streams in a short time. Try again in a moment.');
    }
    const leave = await caller.opening.enter(signal);
    const headerBytes = sizeOf(headers);
    const lane = chooseOr(leave, () => caller.choose(connection, headerBytes));
    const place = lane.reserve(headerBytes);
    try {
      await withDeadline({ clock: this.#deps.clock, limitMs: connectMs, error: notTaken }, () => lane.ready);
      const stream = lane.request(headers);
      follow(stream, { caller, connection, lane, place, leave });
      return stream;
    } catch (error) {
      leave();
      place.release();
      if (error instanceof PaneletError) throw error;
      throw unavailable('The connection to the worker was lost.', error);
    }
  }

  cut(): void {
    for (const caller of this.#callers.values()) caller.cut();
  }

  close(): void {
    this.#isClosed = true;
    this.#patrol?.stop();
    this.cut();
  }

  #callerOf(name: string): CallerLanes {
    const known = this.#callers.get(name);
    if (known !== undefined) return known;
    const caller = new CallerLanes(this.#deps);
    this.#callers.set(name, caller);
    this.#startPatrol();
    return caller;
  }

  /** Ends lanes that nobody uses or that stand still, and forgets callers of whom nothing is left. */
  #startPatrol(): void {
    this.#patrol ??= this.#deps.clock.after(patrolMs, () => {
      this.#patrol = undefined;
      for (const [name, caller] of this.#callers) {
        caller.endUseless();
        if (caller.isForgettable) this.#callers.delete(name);
      }
      if (this.#callers.size > 0 && !this.#isClosed) this.#startPatrol();
    });
  }
}

// Gives the place back when there is no lane.
function chooseOr(leave: () => void, find: () => Lane): Lane {
  try {
    return find();
  } catch (error) {
    leave();
    throw error;
  }
}

/** Gives the stream's places back as soon as they are free, and charges its caller if it breaks the stream off. */
function follow(stream: ClientHttp2Stream, { caller, connection, lane, place, leave }: Opening): void {
  // Its code says more than the error does; 'close' follows.
  stream.on('error', () => undefined);
  stream.once('response', () => {
    leave();
    place.answered();
  });
  stream.once('close', () => {
    leave();
    place.release();
    // A lane that ends, with its client or with the worker, takes its streams along without a reset.
    const isReset = stream.rstCode === constants.NGHTTP2_CANCEL && lane.alive;
    if (isReset && !(connection.gone && !caller.isShared(lane))) caller.resets.charge();
  });
}

function sizeOf(headers: OutgoingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + String(value).length + 8;
  return bytes;
}

function notTaken(): PaneletError {
  return unavailable('The worker does not take the connection.');
}

import { constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { Clock, Timer } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import { createTokenBucket, type TokenBucket } from '#common/time/token-bucket.js';
import type { ClientConnection } from '../connection/client-connection.js';
import { openLane, unavailable, type Lane } from './lane.js';
import { createSlots, type Slots } from '../turns/slots.js';

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

const maxLanesOfConnection = 4;
const maxLanesOfCaller = 16;
const maxOpening = 16;
// Below what nghttp2 takes from a peer before it ends the connection: 1,000 at once, then 33 a second.
const resetBurst = 200;
const resetsPerSecond = 20;
/** Time for a server to take a connection. */
const connectMs = 5_000;
const patrolMs = 5_000;

/** The clients' connections that a lane serves, each with what takes its listener off again. */
type Users = Map<ClientConnection, () => void>;

interface Caller {
  readonly name: string;
  readonly lanes: Map<Lane, Users>;
  readonly resets: TokenBucket;
  /** Places for streams that the server has not taken up: whoever opens many at once keeps no queue at the server. */
  readonly opening: Slots;
}

/** An upstream for one socket. */
export function createUpstream(deps: UpstreamDeps): Upstream {
  const { clock } = deps;
  const callers = new Map<string, Caller>();
  let closed = false;
  let patrol: Timer | undefined;

  const callerOf = (name: string): Caller => {
    const known = callers.get(name);
    if (known !== undefined) return known;
    const resets = createTokenBucket({ clock, burst: resetBurst, perSecond: resetsPerSecond });
    const caller: Caller = { name, lanes: new Map(), resets, opening: createSlots(maxOpening) };
    callers.set(name, caller);
    walk();
    return caller;
  };
  const drop = ({ lanes }: Caller, lane: Lane): void => {
    for (const unsubscribe of lanes.get(lane)?.values() ?? []) unsubscribe();
    lanes.delete(lane);
  };
  const use = ({ lanes }: Caller, lane: Lane, connection: ClientConnection): void => {
    const users = lanes.get(lane);
    if (users === undefined || users.has(connection)) return;
    // With the connection of a client its streams are over, and so is a lane that nobody else uses.
    const leave = (): void => {
      users.delete(connection);
      if (users.size === 0) lane.destroy();
    };
    users.set(connection, connection.onGone(leave));
  };
  const addLane = (caller: Caller, connection: ClientConnection): Lane => {
    const lane = openLane(deps.socketPath, () => drop(caller, lane));
    caller.lanes.set(lane, new Map());
    use(caller, lane, connection);
    return lane;
  };
  const choose = (caller: Caller, connection: ClientConnection, headerBytes: number): Lane => {
    const own = [...caller.lanes].filter(([, users]) => users.has(connection)).map(([lane]) => lane);
    const free = own.find((lane) => lane.fits(headerBytes));
    if (free !== undefined) return free;
    if (own.length < maxLanesOfConnection && caller.lanes.size < maxLanesOfCaller) return addLane(caller, connection);
    // One identity may be many clients: they share what it has.
    const fitting = [...caller.lanes.keys()].filter((lane) => lane.fits(headerBytes));
    const shared = own.length === 0 ? leastUsed(fitting) : undefined;
    if (shared === undefined)
      throw tooMany('You have too many streams open here. End some, or use another connection.');
    use(caller, shared, connection);
    return shared;
  };
  // Ends lanes that nobody uses or that stand still, and forgets callers of whom nothing is left.
  const walk = (): void => {
    patrol ??= clock.after(patrolMs, () => {
      patrol = undefined;
      for (const caller of callers.values()) {
        for (const lane of [...caller.lanes.keys()]) if (lane.streams === 0 || lane.isStuck()) lane.destroy();
        if (caller.lanes.size === 0 && caller.opening.idle && caller.resets.full()) callers.delete(caller.name);
      }
      if (callers.size > 0 && !closed) walk();
    });
  };
  const cut = (): void => {
    for (const { lanes } of callers.values()) for (const lane of [...lanes.keys()]) lane.destroy();
  };
  return {
    open: async ({ connection, caller: name }, headers, signal) => {
      if (closed) throw unavailable('The agent is going away.');
      const caller = callerOf(name);
      if (!caller.resets.available())
        throw tooMany('You broke off too many streams in a short time. Try again in a moment.');
      const leave = await caller.opening.enter(signal);
      const headerBytes = sizeOf(headers);
      const lane = chooseOr(leave, () => choose(caller, connection, headerBytes));
      const place = lane.reserve(headerBytes);
      try {
        await withDeadline({ clock, limitMs: connectMs, error: notTaken }, () => lane.ready);
        const stream = lane.request(headers);
        // Its code says more than the error does; 'close' follows.
        stream.on('error', () => undefined);
        stream.once('response', () => {
          leave();
          place.answered();
        });
        stream.once('close', () => {
          leave();
          place.release();
          const isAlone = (caller.lanes.get(lane)?.size ?? 0) <= 1;
          // A lane that ends, with its client or with the worker, takes its streams along without a reset.
          const isReset = stream.rstCode === constants.NGHTTP2_CANCEL && lane.alive;
          if (isReset && !(connection.gone && isAlone)) caller.resets.charge();
        });
        return stream;
      } catch (error) {
        leave();
        place.release();
        if (error instanceof PaneletError) throw error;
        throw unavailable('The connection to the worker was lost.', error);
      }
    },
    cut,
    close: () => {
      closed = true;
      patrol?.stop();
      cut();
    },
  };
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

function leastUsed(lanes: readonly Lane[]): Lane | undefined {
  return [...lanes].sort((a, b) => a.streams - b.streams)[0];
}

function tooMany(message: string): PaneletError {
  return new PaneletError('LIMIT_EXCEEDED', message);
}

function sizeOf(headers: OutgoingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + String(value).length + 8;
  return bytes;
}

function notTaken(): PaneletError {
  return unavailable('The worker does not take the connection.');
}

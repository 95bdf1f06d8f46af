import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { FrontLimits } from '../../config/config.js';
import { socketKey, type ConnectionEvents, type HeldConnection, type PeerSocket } from './client-connection.js';
import { createPlaces, type ConnectionPlaces } from './places.js';

/**
 * Why the front ended a connection: it made room, it was dead, nobody on it could prove who they are, or calls went on to come
 * though they were refused.
 */
export type EndReason = (typeof endReasons)[number];
/** Every {@link EndReason}. */
export const endReasons = ['strangers', 'callers', 'dead', 'refused', 'flood'] as const;

/** What looking after connections needs. */
export interface ConnectionsDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: FrontLimits;
  /** Told of each connection that is ended here. */
  readonly onEnded?: (reason: EndReason) => void;
}

/** The connections of a listener: who may stay, and who has to go. */
export interface Connections {
  /** What connections tell. */
  readonly events: ConnectionEvents;
  /** A connection that was just accepted from the network. */
  readonly enter: (connection: HeldConnection) => void;
  /** The connection over a socket; undefined once it is over. */
  readonly find: (socket: PeerSocket) => HeldConnection | undefined;
  /** Counts anew what a stranger holds. */
  readonly weigh: (connection: HeldConnection) => void;
  /** Ends a connection on which calls go on to come though they are refused. */
  readonly flood: (connection: HeldConnection) => void;
  readonly all: () => HeldConnection[];
  readonly stopPatrol: () => void;
  readonly size: number;
}

const maxRefusals = 5;
const farewellMs = 1_000;
const patrolMs = 1_000;
const patrolsPerFullPatrol = 5;

/** Without connections. */
export function createConnections({ log, clock, limits, onEnded }: ConnectionsDeps): Connections {
  const byKey = new Map<string, HeldConnection>();
  const end = (connection: HeldConnection, reason: EndReason): void => {
    log.debug({ connection: connection.id, address: connection.address, reason }, 'Connection ended by the front');
    onEnded?.(reason);
    connection.end();
  };
  const flood = (connection: HeldConnection): void => end(connection, 'flood');
  const places = createPlaces(limits.maxConnections, end);
  const patrol = createPatrol(clock, places, (connection) => end(connection, 'dead'));
  return {
    events: {
      onAccept: (connection, caller) => {
        places.accept(connection, caller);
        // Streams over one's own limit are refused with a status; over this one, gRPC clients queue them without a word.
        const settings = { maxConcurrentStreams: limits.maxStreamsPerConnection * 2 };
        if (!connection.gone && connection.session?.destroyed === false) connection.session.settings(settings);
      },
      onRefuse: (connection, refusals) => {
        if (refusals !== maxRefusals) return;
        connection.session?.close();
        const timer = clock.after(farewellMs, () => end(connection, 'refused'));
        connection.onGone(() => timer.stop());
      },
      onFlood: flood,
      onEnd: (connection) => {
        places.leave(connection);
        if (byKey.get(connection.key) === connection) byKey.delete(connection.key);
      },
    },
    enter: (connection) => {
      byKey.set(connection.key, connection);
      places.enter(connection);
      patrol.begin();
    },
    find: (socket) => byKey.get(socketKey(socket)),
    weigh: places.weigh,
    flood,
    all: () => places.all(),
    stopPatrol: () => patrol.stop(),
    get size() {
      return places.size;
    },
  };
}

interface Patrol {
  begin(): void;
  stop(): void;
}

// Looks after connections: ends those whose session is dead, and weighs what strangers hold. Of those on which somebody was
// verified there may be thousands: they have their turn every fifth time.
function createPatrol(clock: Clock, places: ConnectionPlaces, onDead: (connection: HeldConnection) => void): Patrol {
  let timer: Timer | undefined;
  let patrols = 0;
  const walk = (): void => {
    timer = undefined;
    const isFull = ++patrols % patrolsPerFullPatrol === 0;
    for (const connection of isFull ? places.all() : places.strangers()) {
      if (connection.probe()) places.weigh(connection);
      else onDead(connection);
    }
    if (places.size > 0) begin();
  };
  const begin = (): void => {
    timer ??= clock.after(patrolMs, walk);
  };
  return { begin, stop: () => timer?.stop() };
}

import type { HeldConnection } from './client-connection.js';
import { createFairShares } from '../turns/fair-shares.js';

/**
 * Who may stay when room is short. Strangers, of whom nobody knows who they are, share an eighth of the places and 32 MiB, by
 * network; everybody else shares the other places, by caller. Nobody is refused at the door: whoever holds most makes room.
 */
export interface ConnectionPlaces {
  /** A connection that was just accepted from the network. */
  enter(connection: HeldConnection): void;
  /** Somebody was verified on it. */
  accept(connection: HeldConnection, caller: string): void;
  leave(connection: HeldConnection): void;
  /** Counts anew what a stranger holds. */
  readonly weigh: (connection: HeldConnection) => void;
  strangers(): HeldConnection[];
  /** All of them, strangers included. */
  all(): HeldConnection[];
  readonly size: number;
}

const strangersShare = 8;
const maxStrangers = 512;
const strangerBytes = 32 * 1024 * 1024;
/** What a connection costs before it says anything: socket, session and TLS state; 40 to 60 KiB were measured. */
const connectionBytes = 48 * 1024;

/** Places for so many connections. `onGiveWay` is told who makes room. */
export function createPlaces(
  maxConnections: number,
  onGiveWay: (connection: HeldConnection, group: 'strangers' | 'callers') => void,
): ConnectionPlaces {
  const places = Math.min(maxStrangers, Math.max(1, Math.floor(maxConnections / strangersShare)));
  const strangers = createFairShares<HeldConnection>(
    { items: places, bytes: strangerBytes },
    (connection) => onGiveWay(connection, 'strangers'),
    { choose: leastHeard },
  );
  const callers = createFairShares<HeldConnection>(
    { items: Math.max(1, maxConnections - places) },
    (connection) => onGiveWay(connection, 'callers'),
    // Where everybody has one, nobody has to go for a newcomer.
    { choose: leastMissed, tie: 'last' },
  );
  const weigh = (connection: HeldConnection): void => {
    strangers.hold(connection, connectionBytes + connection.headerBytes + connection.unreadBytes());
  };
  return {
    enter: (connection) => {
      strangers.add(connection, connection.network);
      weigh(connection);
    },
    accept: (connection, caller) => {
      if (!strangers.has(connection)) return;
      strangers.remove(connection);
      callers.add(connection, caller);
    },
    leave: (connection) => {
      strangers.remove(connection);
      callers.remove(connection);
    },
    weigh,
    strangers: () => [...strangers.items()],
    all: () => [...strangers.items(), ...callers.items()],
    get size() {
      return strangers.size + callers.size;
    },
  };
}

// The oldest of the silent ones, as long as they are more than half: a crowd of them pushes out nobody who is on the way in. Else
// the oldest that has spoken: those who stay where they are keep nobody out, and a newcomer has said nothing yet.
function leastHeard(connections: ReadonlySet<HeldConnection>): HeldConnection | undefined {
  let silent: HeldConnection | undefined;
  let heard: HeldConnection | undefined;
  let silentOnes = 0;
  for (const connection of connections) {
    if (!connection.spoken) {
      silentOnes++;
      silent ??= connection;
    } else heard ??= connection;
  }
  return heard === undefined || silentOnes * 2 > connections.size ? silent : heard;
}

// One without streams loses nothing; else the newest, that has not done much yet.
function leastMissed(connections: ReadonlySet<HeldConnection>): HeldConnection | undefined {
  let newest: HeldConnection | undefined;
  for (const connection of connections) {
    if (connection.streams === 0) return connection;
    newest = connection;
  }
  return newest;
}

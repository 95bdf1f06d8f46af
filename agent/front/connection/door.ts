import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import { createTokenBucket } from '#common/time/token-bucket.js';
import { SocketConnection, type ConnectionEvents, type HeldConnection } from './client-connection.js';
import { firstRecordBytes } from './first-record.js';
import { createArrivalTurns } from '../turns/arrival-turns.js';

/** What the door needs. */
export interface DoorDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** True when connections begin with a TLS handshake: that costs half a millisecond of the one thread, so it has a pace. */
  readonly tls: boolean;
  /** Time to say something, in milliseconds. */
  readonly silenceMs: number;
  /** Window of a connection, in bytes. */
  readonly grantedBytes: number;
  readonly events: ConnectionEvents;
  /** A connection that has come. */
  readonly onArrival: (connection: HeldConnection) => void;
  /** It has said something, and its turn has come: from now on it is served. */
  readonly onTurn: (connection: HeldConnection, socket: Socket) => void;
}

/** Takes connections from the network and hands them on, each when it has something to say and its turn has come. */
export interface Door {
  readonly server: Server;
  close(): void;
}

// They leave most of the thread to the sessions that are there.
const handshakeBurst = 400;
const handshakesPerSecond = 400;

/** A door that is not listening yet. */
export function createDoor(deps: DoorDeps): Door {
  const { clock } = deps;
  const pace = createTokenBucket({ clock, burst: handshakeBurst, perSecond: handshakesPerSecond });
  const turns = createArrivalTurns<{ readonly connection: HeldConnection; readonly socket: Socket }>(deps.random);
  let timer: Timer | undefined;
  let nextId = 1;
  const work = (): void => {
    while (turns.size > 0 && pace.take()) {
      const next = turns.next();
      if (next !== undefined) deps.onTurn(next.connection, next.socket);
    }
    if (turns.size > 0) timer ??= clock.after(pace.waitMs(), again);
  };
  const again = (): void => {
    timer = undefined;
    work();
  };
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const { grantedBytes, events } = deps;
    const connection = new SocketConnection({ id: nextId++, socket, grantedBytes }, events);
    const late = clock.after(deps.silenceMs, () => {
      if (connection.session === undefined) connection.end();
    });
    connection.onGone(() => late.stop());
    deps.onArrival(connection);
    // What it says stays unread where it is until its turn comes: whoever says nothing, or begins to and stops, takes no turn.
    let needed = deps.tls ? undefined : 1;
    const listen = (): void => {
      if (connection.gone || socket.readableLength === 0) return;
      needed ??= firstRecordBytes(socket);
      if (needed === undefined || socket.readableLength < needed) return;
      socket.off('readable', listen);
      connection.spoken = true;
      if (!deps.tls) {
        deps.onTurn(connection, socket);
        return;
      }
      const waiting = { connection, socket };
      connection.onGone(() => turns.remove(waiting, connection.network));
      turns.add(waiting, connection.network);
      work();
    };
    socket.on('readable', listen);
    socket.once('end', connection.end);
  });
  return {
    server,
    close: () => {
      timer?.stop();
      server.close();
    },
  };
}

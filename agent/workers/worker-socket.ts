import { connect } from 'node:net';
import type { SocketPlaces } from './socket-places.js';

/** Why nobody was reached: nobody is there, or that is not sure. */
export type Unreached = { readonly kind: 'absent' } | { readonly kind: 'unknown'; readonly message: string };

/** Where a panel's worker listens. */
export interface WorkerSocket {
  /** Path at which somebody took a connection last; the first place before that. */
  readonly path: string;
  /** Looks in every place, in order, until somebody takes a connection. Only all of them together prove that nobody does. */
  find(): Promise<'open' | Unreached>;
}

/** The socket of a worker that may be in one of several places, of which the first is tried first; they are asked for anew each time. */
export function createWorkerSocket(places: () => SocketPlaces): WorkerSocket {
  let [path] = places();
  return {
    get path() {
      return path;
    },
    find: async () => {
      let found: Unreached = { kind: 'absent' };
      for (const place of places()) {
        const probe = await probeSocket(place);
        if (probe === 'open') {
          path = place;
          return 'open';
        }
        if (found.kind === 'absent') found = probe;
      }
      return found;
    },
  };
}

/** Finds out whether anybody listens; only a refusal or a missing file proves that nobody does. */
export function probeSocket(socketPath: string): Promise<'open' | Unreached> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve('open');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      resolve(nobody ? { kind: 'absent' } : { kind: 'unknown', message: `Its socket: ${error.message}` });
    });
  });
}

/** Whether it is certain that nobody listens there. */
export async function isAbandoned(socketPath: string): Promise<boolean> {
  const probe = await probeSocket(socketPath);
  return probe !== 'open' && probe.kind === 'absent';
}

/**
 * Calls that have come, a few of them begun in each turn of the event loop, connection by connection: between them, sessions
 * that are there are read and written, however many calls come at once.
 */
export interface CallTurns {
  /** Begins a call: at once while few come, else when its turn has come. */
  add(connection: number, begin: () => void): void;
  /** Calls that wait. */
  readonly waiting: number;
}

/** Turns; `afterTurn` calls back when the event loop has gone round (`setImmediate`). */
export function createCallTurns(afterTurn: (callback: () => void) => void, perTurn = 16): CallTurns {
  // In order of turns: a connection whose call was begun goes behind the others.
  const queues = new Map<number, (() => void)[]>();
  let waiting = 0;
  let begun = 0;
  let counting = false;
  const count = (): void => {
    begun++;
    if (counting) return;
    counting = true;
    afterTurn(next);
  };
  const next = (): void => {
    counting = false;
    begun = 0;
    for (const [connection, queue] of queues) {
      if (begun >= perTurn) return;
      queues.delete(connection);
      const begin = queue.shift();
      // Behind the others, and so looked at again in this turn, if there is room in it.
      if (queue.length > 0) queues.set(connection, queue);
      waiting--;
      count();
      begin?.();
    }
  };
  return {
    add: (connection, begin) => {
      if (waiting === 0 && begun < perTurn) {
        count();
        begin();
        return;
      }
      const queue = queues.get(connection) ?? [];
      queue.push(begin);
      queues.set(connection, queue);
      waiting++;
    },
    get waiting() {
      return waiting;
    },
  };
}

/** Connections of which nobody has shown a key yet: so many at most, the oldest make room. */
export interface Strangers<Connection> {
  add(connection: Connection): void;
  /** It has shown a key, or has gone. */
  remove(connection: Connection): void;
}

/**
 * Bounds what has shown nothing yet. A newcomer always gets in: somebody else on this machine who opens many connections keeps nobody out.
 * @param drop ends a connection
 */
export function createStrangers<Connection>(
  most: number,
  drop: (connection: Connection) => void,
): Strangers<Connection> {
  const waiting = new Set<Connection>();
  return {
    add: (connection) => {
      waiting.add(connection);
      for (const oldest of waiting) {
        if (waiting.size <= most) break;
        waiting.delete(oldest);
        drop(oldest);
      }
    },
    remove: (connection) => void waiting.delete(connection),
  };
}

import type { ClientConnection } from '#agent/front/connection/client-connection.js';

/** A connection of a client that a test ends. */
export interface FakeConnection extends ClientConnection {
  end(): void;
  /** Listeners that wait for its end. */
  readonly listeners: number;
}

let nextId = 1;

/** A connection that is open. */
export function createFakeConnection(address = '127.0.0.1'): FakeConnection {
  const callbacks = new Set<() => void>();
  const ending = new AbortController();
  let isAccepted = false;
  return {
    id: nextId++,
    address,
    network: address,
    signal: ending.signal,
    get gone() {
      return ending.signal.aborted;
    },
    get listeners() {
      return callbacks.size;
    },
    onGone: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    accepted: () => isAccepted,
    accept: () => {
      isAccepted = true;
    },
    refuse: () => undefined,
    flood: () => undefined,
    end: () => {
      ending.abort();
      for (const callback of [...callbacks]) callback();
      callbacks.clear();
    },
  };
}

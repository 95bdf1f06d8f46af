import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instances } from '#common/files/instances.js';

/** Workers of a test that share a disk, as their instance locks show them to each other. */
export interface MemoryInstances {
  /** One more. */
  join(): MemoryInstance;
}

/** A worker, as far as others ask whether it lives. */
export interface MemoryInstance extends Instances {
  /** From now on it is dead to the others, as after SIGKILL. */
  kill(): void;
}

/** No worker yet. */
export function createMemoryInstances(): MemoryInstances {
  const living = new Map<number, Set<() => void>>();
  let count = 0;
  const sockets = mkdtempSync(join(tmpdir(), 'i'));
  const leave = (number: number): void => {
    if (!living.delete(number)) return;
    for (const listeners of [...living.values()]) for (const listener of [...listeners]) listener();
  };
  return {
    join: () => {
      const number = ++count;
      const listeners = new Set<() => void>();
      living.set(number, listeners);
      return {
        own: { number, id: `instance-${number}` },
        isAlive: (other) => Promise.resolve(living.has(other)),
        others: () => Promise.resolve([...living.keys()].filter((other) => other !== number)),
        newest: () => Promise.resolve(Math.max(number, ...living.keys())),
        get hasNewer() {
          return [...living.keys()].some((other) => other > number);
        },
        socketOf: (other) => join(sockets, `${other}.sock`),
        onDeath: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
        onArrival: () => () => undefined,
        release: () => {
          leave(number);
          return Promise.resolve();
        },
        kill: () => leave(number),
      };
    },
  };
}

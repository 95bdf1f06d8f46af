import type { Random } from '#common/random.js';

/**
 * Connections that have come and wait to be served: taken in turn by network, then at random, so that whoever opens most is not
 * served most, and nobody can tell when to come.
 */
export interface ArrivalTurns<T> {
  add(item: T, network: string): void;
  /** Takes the next one out; undefined when nobody waits. */
  next(): T | undefined;
  /** Takes one out that does not wait any more. Twice is fine. */
  remove(item: T, network: string): void;
  readonly size: number;
}

/** Turns of nobody. */
export function createArrivalTurns<T>(random: Random): ArrivalTurns<T> {
  // In order of turns: a network that was served goes behind the others.
  const byNetwork = new Map<string, T[]>();
  let size = 0;
  const take = (network: string, items: T[], index: number): T | undefined => {
    const item = items[index];
    const last = items.pop();
    // The last one takes its place: their order means nothing.
    if (index < items.length && last !== undefined) items[index] = last;
    if (items.length === 0) byNetwork.delete(network);
    size--;
    return item;
  };
  return {
    add: (item, network) => {
      const items = byNetwork.get(network) ?? [];
      items.push(item);
      byNetwork.set(network, items);
      size++;
    },
    next: () => {
      const [entry] = byNetwork;
      if (entry === undefined) return undefined;
      const [network, items] = entry;
      byNetwork.delete(network);
      byNetwork.set(network, items);
      return take(network, items, Math.floor(random.number() * items.length));
    },
    remove: (item, network) => {
      const items = byNetwork.get(network);
      const index = items?.indexOf(item) ?? -1;
      if (items !== undefined && index >= 0) take(network, items, index);
    },
    get size() {
      return size;
    },
  };
}

import type { Random } from '#common/random.js';

/**
 * Connections that have come and wait to be served: taken in turn by address, then at random, so that whoever opens most is not
 * served most, and nobody can tell when to come.
 */
export interface ArrivalTurns<T> {
  add(item: T, address: string): void;
  /** Takes the next one out; undefined when nobody waits. */
  next(): T | undefined;
  /** Takes one out that does not wait any more. Twice is fine. */
  remove(item: T, address: string): void;
  readonly size: number;
}

/** Turns of nobody. */
export function createArrivalTurns<T>(random: Random): ArrivalTurns<T> {
  // In order of turns: an address that was served goes behind the others.
  const byAddress = new Map<string, T[]>();
  let size = 0;
  const take = (address: string, items: T[], index: number): T | undefined => {
    const item = items[index];
    const last = items.pop();
    // The last one takes its place: their order means nothing.
    if (index < items.length && last !== undefined) items[index] = last;
    if (items.length === 0) byAddress.delete(address);
    size--;
    return item;
  };
  return {
    add: (item, address) => {
      const items = byAddress.get(address) ?? [];
      items.push(item);
      byAddress.set(address, items);
      size++;
    },
    next: () => {
      const [entry] = byAddress;
      if (entry === undefined) return undefined;
      const [address, items] = entry;
      byAddress.delete(address);
      byAddress.set(address, items);
      return take(address, items, Math.floor(random.number() * items.length));
    },
    remove: (item, address) => {
      const items = byAddress.get(address);
      const index = items?.indexOf(item) ?? -1;
      if (items !== undefined && index >= 0) take(address, items, index);
    },
    get size() {
      return size;
    },
  };
}

/** How much room there is. */
export interface Room {
  /** Most items. */
  readonly items: number;
  /** Most bytes that all items hold together. @default without a limit */
  readonly bytes?: number;
}

/**
 * Items that share a room, by groups: when it is short, the group that holds most makes room, so that a newcomer of another
 * group always gets in. A group is what fairness is owed to (a network, a caller), and never a limit of its own.
 */
export interface FairShares<T> {
  /** Lets an item in. Whoever has to make room for it is told. */
  add(item: T, group: string): void;
  /** Says how many bytes an item holds now. Whoever has to make room is told; that may be the item itself. */
  hold(item: T, bytes: number): void;
  /** Takes an item out. Twice is fine. */
  remove(item: T): void;
  /** Bytes that the item holds; 0 for one that is not in. */
  bytesOf(item: T): number;
  has(item: T): boolean;
  items(): IterableIterator<T>;
  /** Number of items. */
  readonly size: number;
  /** Bytes of all items. */
  readonly bytes: number;
}

/** Called with each item that makes room; it is out already. */
export type OnGiveWay<T> = (item: T) => void;

/** Who gives way when there are too many items. */
export interface GiveWayRules<T> {
  /** Which item of a group. @default the oldest, that is the first */
  readonly choose?: (items: ReadonlySet<T>) => T | undefined;
  /** Which of several groups with the same number of items. @default the one that came first */
  readonly tie?: 'first' | 'last';
}

interface Group<T> {
  readonly name: string;
  readonly items: Set<T>;
  bytes: number;
}

interface Held<T> {
  readonly group: Group<T>;
  bytes: number;
}

/** An empty room. */
export function createFairShares<T>(
  room: Room,
  onGiveWay: OnGiveWay<T>,
  { choose = first, tie = 'first' }: GiveWayRules<T> = {},
): FairShares<T> {
  const groups = new Map<string, Group<T>>();
  const held = new Map<T, Held<T>>();
  let bytes = 0;
  const remove = (item: T): void => {
    const own = held.get(item);
    if (own === undefined) return;
    held.delete(item);
    bytes -= own.bytes;
    own.group.bytes -= own.bytes;
    own.group.items.delete(item);
    if (own.group.items.size === 0) groups.delete(own.group.name);
  };
  const giveWay = (item: T | undefined): void => {
    if (item === undefined) return;
    remove(item);
    onGiveWay(item);
  };
  const settle = (): void => {
    if (held.size > room.items) giveWay(choose(fullest(groups, ({ items }) => items.size, tie)?.items ?? new Set()));
    while (bytes > (room.bytes ?? Infinity) && held.size > 0) {
      const crowded = fullest(groups, (group) => group.bytes, tie);
      giveWay(largest(crowded?.items ?? [], held));
    }
  };
  return {
    add: (item, name) => {
      const group = groups.get(name) ?? { name, items: new Set<T>(), bytes: 0 };
      groups.set(name, group);
      group.items.add(item);
      held.set(item, { group, bytes: 0 });
      settle();
    },
    hold: (item, next) => {
      const own = held.get(item);
      if (own === undefined) return;
      bytes += next - own.bytes;
      own.group.bytes += next - own.bytes;
      own.bytes = next;
      settle();
    },
    remove,
    bytesOf: (item) => held.get(item)?.bytes ?? 0,
    has: (item) => held.has(item),
    items: () => held.keys(),
    get size() {
      return held.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function first<T>(items: ReadonlySet<T>): T | undefined {
  const [oldest] = items;
  return oldest;
}

function fullest<T>(
  groups: ReadonlyMap<string, Group<T>>,
  measure: (group: Group<T>) => number,
  tie: 'first' | 'last',
): Group<T> | undefined {
  let found: Group<T> | undefined;
  let most = 0;
  for (const group of groups.values()) {
    const value = measure(group);
    if (found === undefined || value > most || (value === most && tie === 'last')) [found, most] = [group, value];
  }
  return found;
}

function largest<T>(items: Iterable<T>, held: ReadonlyMap<T, Held<T>>): T | undefined {
  let found: T | undefined;
  let most = -1;
  for (const item of items) {
    const { bytes = 0 } = held.get(item) ?? {};
    if (bytes > most) [found, most] = [item, bytes];
  }
  return found;
}

/** First in, first out, with access by position. Every operation is O(1), amortised; nothing is shifted. */
export interface Fifo<T> {
  readonly length: number;
  push(item: T): void;
  /** Takes the oldest item. */
  shift(): T | undefined;
  /** Item by position, 0 being the oldest. */
  at(position: number): T | undefined;
}

// Below this many dead slots compaction is not worth a copy.
const compactAt = 64;

/** An empty queue. */
export function createFifo<T>(): Fifo<T> {
  let slots: (T | undefined)[] = [];
  let head = 0;
  return {
    get length() {
      return slots.length - head;
    },
    push: (item) => void slots.push(item),
    shift: () => {
      if (head === slots.length) return undefined;
      const item = slots[head];
      slots[head] = undefined;
      head += 1;
      if (head >= compactAt && head * 2 >= slots.length) {
        slots = slots.slice(head);
        head = 0;
      }
      return item;
    },
    at: (position) => slots[head + position],
  };
}

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

// A class, like all that every session holds: a closure per method would cost kilobytes for each idle one.
class SlotFifo<T> implements Fifo<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#slots.length - this.#head;
  }

  push(item: T): void {
    this.#slots.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#slots.length) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#slots.length) this.#slots = [];
    else if (this.#head >= compactAt && this.#head * 2 >= this.#slots.length)
      this.#slots = this.#slots.slice(this.#head);
    else return item;
    this.#head = 0;
    return item;
  }

  at(position: number): T | undefined {
    return this.#slots[this.#head + position];
  }
}

/** An empty queue. */
export function createFifo<T>(): Fifo<T> {
  return new SlotFifo<T>();
}

import type { Channel, FromPanel } from '#proto/panel/v1/panel.js';

type Waiting = Extract<FromPanel['kind'], { readonly $case: 'output' | 'event' | 'exit' }>;

const longestDataBytes = 64 * 1024;

/** What a session has written: sent in order as there is credit, and kept until then. */
export class OutputQueue {
  readonly #send: (kind: Waiting) => void;
  #waiting: Waiting[] = [];
  #credit = 0;
  #isRunning = false;
  #isEnded = false;
  #isLoose = false;
  #writers: (() => void)[] = [];

  constructor(send: (kind: Waiting) => void) {
    this.#send = send;
  }

  /** What was not sent yet. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  /** Takes bytes. Resolves when all is sent, or at `release`. */
  write(data: Buffer, channel: Channel): Promise<void> {
    this.add({ $case: 'output', value: { data, channel } });
    if (this.#waiting.length === 0 || this.#isLoose) return Promise.resolve();
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  /** Takes something; nothing after an exit. */
  add(kind: Waiting): void {
    if (this.#isEnded) return;
    this.#isEnded = kind.$case === 'exit';
    this.#waiting.push(kind);
    this.#flow();
  }

  /** Puts back what an earlier process had not sent. */
  restore(waiting: readonly Waiting[]): void {
    for (const kind of waiting) this.add(kind);
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    this.#flow();
  }

  start(): void {
    this.#isRunning = true;
    this.#isLoose = false;
    this.#flow();
  }

  stop(): void {
    this.#isRunning = false;
  }

  /** Lets those go on who wait, or will; until `start`. */
  release(): void {
    this.#isLoose = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#writers.splice(0)) resolve();
  }

  #flow(): void {
    while (this.#isRunning) {
      const kind = this.#waiting[0];
      if (kind === undefined) {
        this.#wake();
        return;
      }
      if (kind.$case === 'output' && !this.#sendPart(kind.value)) return;
      if (kind.$case !== 'output') this.#send(kind);
      this.#waiting.shift();
    }
  }

  /** @returns true when all of it is sent */
  #sendPart({ data, channel }: { readonly data: Buffer; readonly channel: Channel }): boolean {
    let rest = data;
    while (rest.length > 0) {
      const size = Math.min(rest.length, this.#credit, longestDataBytes);
      if (size === 0) break;
      this.#credit -= size;
      this.#send({ $case: 'output', value: { data: rest.subarray(0, size), channel } });
      rest = rest.subarray(size);
    }
    if (rest.length > 0) this.#waiting[0] = { $case: 'output', value: { data: rest, channel } };
    return rest.length === 0;
  }
}

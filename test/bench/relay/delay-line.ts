import type { Clock, Timer } from '#common/time/clock.js';

/** One direction of a connection: what goes in comes out later, in order. */
export interface DelayLine {
  /** Bytes that are on their way. */
  readonly sizeBytes: number;
  push(chunk: Buffer): void;
  /** The end comes out behind everything that went in. */
  end(): void;
  /** Drops what is on its way. */
  destroy(): void;
}

/** What a line does with what comes out. */
export interface DelayLineOptions {
  readonly clock: Clock;
  /** No limit to how much is on its way: a delay, not a bandwidth. */
  readonly delayMs: number;
  readonly deliver: (chunk: Buffer) => void;
  readonly deliverEnd: () => void;
}

/** A line with nothing on its way. */
export function createDelayLine({ clock, delayMs, deliver, deliverEnd }: DelayLineOptions): DelayLine {
  const queue: { readonly dueMs: number; readonly chunk: Buffer | undefined }[] = [];
  let sizeBytes = 0;
  let timer: Timer | undefined;
  const arm = (): void => {
    const [first] = queue;
    if (timer !== undefined || first === undefined) return;
    // Timers of Node cut fractions off, and would fire early.
    timer = clock.after(Math.ceil(first.dueMs - clock.nowMs()), flush);
  };
  const flush = (): void => {
    timer = undefined;
    const nowMs = clock.nowMs();
    for (let first = queue[0]; first !== undefined && first.dueMs <= nowMs; first = queue[0]) {
      queue.shift();
      if (first.chunk === undefined) deliverEnd();
      else {
        sizeBytes -= first.chunk.length;
        deliver(first.chunk);
      }
    }
    arm();
  };
  const put = (chunk: Buffer | undefined): void => {
    sizeBytes += chunk?.length ?? 0;
    queue.push({ dueMs: clock.nowMs() + delayMs, chunk });
    arm();
  };
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    push: put,
    end: () => put(undefined),
    destroy: () => {
      timer?.stop();
      timer = undefined;
      queue.length = 0;
      sizeBytes = 0;
    },
  };
}

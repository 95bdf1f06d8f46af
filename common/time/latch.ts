/** A promise with its ends outside. */
export interface Latch<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
  /** True once resolved or rejected. */
  readonly settled: boolean;
}

/** A latch that nobody needs to await: a rejection without a listener is not an unhandled one. */
export function createLatch<T = void>(): Latch<T> {
  let resolvePromise!: (value: T) => void;
  let rejectPromise!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    resolvePromise = resolve;
    rejectPromise = reject;
  });
  promise.catch(() => undefined);
  const latch = {
    promise,
    settled: false,
    resolve: (value: T): void => {
      latch.settled = true;
      resolvePromise(value);
    },
    reject: (error: unknown): void => {
      latch.settled = true;
      rejectPromise(error);
    },
  };
  return latch;
}

/** Runs work one after the other per key. */
export interface KeyedLock {
  /** Runs `work` after everything that was asked for under this key before; its outcome is the result. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** A lock that remembers a key only while somebody waits for it. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: (key, work) => {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(work);
      const tail = result.catch(() => undefined);
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
  };
}

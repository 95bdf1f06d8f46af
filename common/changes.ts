import { asError } from './errors/errors.js';

/** Something that changes, without saying what: whoever waits looks again. */
export interface Changes {
  notify(): void;
  /** Calls back at each change until the returned function is called. */
  subscribe(callback: () => void): () => void;
  /**
   * Resolves with the first value that `look` returns other than undefined; looks at once and at each change.
   * @throws the signal's reason when it aborts, or what `look` throws.
   */
  until<T>(look: () => T | undefined, signal?: AbortSignal): Promise<T>;
}

/** Changes with any number of subscribers. */
export function createChanges(): Changes {
  const callbacks = new Set<() => void>();
  const subscribe = (callback: () => void): (() => void) => {
    callbacks.add(callback);
    return () => void callbacks.delete(callback);
  };
  return {
    subscribe,
    notify: () => {
      for (const callback of [...callbacks]) callback();
    },
    until: (look, signal) =>
      new Promise((resolve, reject) => {
        const settle = (done: () => void): void => {
          unsubscribe();
          signal?.removeEventListener('abort', abort);
          done();
        };
        const abort = (): void => settle(() => reject(asError(signal?.reason)));
        const check = (): void => {
          try {
            const found = look();
            if (found !== undefined) settle(() => resolve(found));
          } catch (error) {
            settle(() => reject(asError(error)));
          }
        };
        const unsubscribe = subscribe(check);
        signal?.addEventListener('abort', abort, { once: true });
        if (signal?.aborted === true) abort();
        else check();
      }),
  };
}

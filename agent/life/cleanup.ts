/** What was opened and has to be closed, in reverse order, however far a start came. */
export interface Cleanup {
  add(close: () => unknown): void;
  /** Closes everything once; an error of one does not keep the others from being closed. */
  run(): Promise<void>;
}

/** Nothing to close yet. */
export function createCleanup(): Cleanup {
  const steps: (() => unknown)[] = [];
  return {
    add: (close) => void steps.push(close),
    run: async () => {
      for (const close of steps.splice(0).reverse()) {
        try {
          await close();
        } catch {
          // The process ends; the kernel closes what is left.
        }
      }
    },
  };
}

/** Lets a bounded number of works run at a time; the others wait in order. */
export interface WorkSlots {
  /** Runs `work` when a slot is free; its outcome is the result. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** So many slots. */
export function createWorkSlots(count: number): WorkSlots {
  const waiting: (() => void)[] = [];
  let free = count;
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return {
    run: async (work) => {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** What memory did over the last half of a run. */
export interface Growth {
  /** Median of the third quarter of the samples, in MiB. */
  readonly fromMib: number;
  /** Median of the last quarter, in MiB. */
  readonly toMib: number;
  readonly allowedMib: number;
  readonly isFlat: boolean;
}

// What is kept for each call is nothing. V8 moves the size of its heap in steps of some MiB, the kernel counts pages that
// were given back late; measured over runs without a leak, medians of quarters differ by less than this. The smallest
// thing that could be left behind, an entry of a set (64 bytes), would be 17 MiB over a quarter of the default run.
const allowedMib = 8;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Compares the medians of the last two quarters of the samples, given in MiB. */
export function growthOf(samples: readonly number[]): Growth {
  const [half, threeQuarters] = [Math.floor(samples.length / 2), Math.floor((samples.length * 3) / 4)];
  const fromMib = median(samples.slice(half, threeQuarters));
  const toMib = median(samples.slice(threeQuarters));
  return { fromMib, toMib, allowedMib, isFlat: toMib - fromMib <= allowedMib };
}

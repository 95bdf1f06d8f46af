const restShare = 4;

/** How long work that comes again and again rests after it took so long, in milliseconds: it is a fifth of the process's time at most. */
export function restAfter(tookMs: number): number {
  return restShare * tookMs;
}

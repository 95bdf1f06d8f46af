/** Delays between restarts of a container. */
export interface RestartDelays {
  /** Before the first restart. @default 1000, as seen on a real kubelet */
  readonly firstMs?: number;
  /** Before the second; doubles from there. @default 10000 */
  readonly secondMs?: number;
  /** @default 300000 */
  readonly maxMs?: number;
  /** A container that ran this long starts over. @default 600000 */
  readonly resetAfterMs?: number;
}

/** Delay in milliseconds before restart number `restarts` + 1 in a row. */
export function restartDelayMs(restarts: number, delays: RestartDelays = {}): number {
  if (restarts === 0) return delays.firstMs ?? 1000;
  return Math.min(delays.maxMs ?? 300_000, (delays.secondMs ?? 10_000) * 2 ** (restarts - 1));
}

/** True when a container ran long enough for its restarts to be forgotten. */
export function isRestartForgotten(ranMs: number, delays: RestartDelays = {}): boolean {
  return ranMs >= (delays.resetAfterMs ?? 600_000);
}

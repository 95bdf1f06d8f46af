import type { Clock } from '#common/time/clock.js';

/** The time of a run: milliseconds since it began. */
export interface Timeline {
  readonly startedAt: Date;
  nowMs(): number;
}

/** Begins now. */
export function startTimeline(clock: Clock): Timeline {
  const startedAt = clock.date();
  const originMs = clock.nowMs();
  return { startedAt, nowMs: () => clock.nowMs() - originMs };
}

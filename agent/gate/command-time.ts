import type { Clock } from '#common/time/clock.js';

/** What is left of the time of one gate command. */
export interface CommandTime {
  /** At most `mostMs`, and what is left without `keepMs`; never below 0. */
  share(mostMs: number, keepMs?: number): number;
}

/** Longest time of a gate command once it is its turn, in milliseconds, whatever the workers do. */
export const commandMs = 10_000;

/** The time of a command that begins now. */
export function createCommandTime(clock: Clock): CommandTime {
  const endMs = clock.nowMs() + commandMs;
  return { share: (mostMs, keepMs = 0) => Math.max(0, Math.min(mostMs, endMs - keepMs - clock.nowMs())) };
}

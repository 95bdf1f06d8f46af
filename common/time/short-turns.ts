import pLimit from 'p-limit';
import { sleep, type Clock } from './clock.js';

/** Runs a turn when there is room for it. @returns what the turn gives */
export type ShortTurns = <Result>(take: () => Promise<Result>) => Promise<Result>;

/** How many turns there are at a time. */
export interface ShortTurnLimits {
  /** Of those that have just begun. */
  readonly short: number;
  /** How long a turn counts as just begun, in milliseconds. */
  readonly patienceMs: number;
  /** Of all. */
  readonly all: number;
}

/**
 * Runs few turns at a time where they take the processor, so that each is over soon, and more where they wait for somebody who is far:
 * one that is not over when patience ends leaves its place to the next one, and goes on beside it.
 */
export function createShortTurns(clock: Clock, { short, patienceMs, all }: ShortTurnLimits): ShortTurns {
  const places = pLimit(all);
  const firsts = pLimit(short);
  return (take) =>
    places(async () => {
      const { turn } = await firsts(async () => {
        const begun = take();
        const patience = new AbortController();
        // Who takes the turn hears of its failure.
        await Promise.race([begun.catch(() => undefined), sleep(clock, patienceMs, patience.signal)]);
        patience.abort();
        return { turn: begun };
      });
      return turn;
    });
}

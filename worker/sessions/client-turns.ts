import type { Clock } from '#common/time/clock.js';
import { createShortTurns, type ShortTurns } from '#common/time/short-turns.js';

/** Few enough that the client of each is there soon; one that is far keeps no other one waiting. */
const limits = { short: 2, patienceMs: 100, all: 8 } as const;

/** In which clients open their next attachments. */
export function createClientTurns(clock: Clock): ShortTurns {
  return createShortTurns(clock, limits);
}

import { createSeededRandom, type Random } from '#common/random.js';

/** What happens in a restart. */
export const restartKinds = [
  'beside',
  'alone',
  'paused',
  'aborted',
  'second restart',
  'template changed',
  'replacement crashes',
] as const;
/** One of them. All but the second have each replacement serve beside its pod; of the others, the moment is left to chance. */
export type RestartKind = (typeof restartKinds)[number];

/** One restart as it is planned. */
export interface RestartPlan {
  readonly index: number;
  readonly kind: RestartKind;
  /** From the first pod that is taken out until somebody changes his mind, in milliseconds. */
  readonly afterMs: number;
}

// A replacement serves after a second or so: as often before as afterwards.
const mostAfterMs = 2_500;

/** Follows from the seed and the restart's number alone, so that one of them can be tried again. */
export function planRestart(index: number, seed: number): RestartPlan {
  const random: Random = createSeededRandom(seed * 1_000_003 + index);
  // The first rounds have each kind once.
  const place = index <= restartKinds.length ? index - 1 : Math.floor(random.number() * restartKinds.length);
  return { index, kind: restartKinds[place] ?? 'beside', afterMs: random.number() * mostAfterMs };
}

import { isExhaustive } from './exhaustive.js';

/** How the model is explored: `npm run trials` goes on from every situation, `npm test` from every third. */
export const sample = { every: isExhaustive ? 1 : 3 };

/** Fewest situations that an exploration has to find, of those that a whole one does; a sample finds an eighth at least. */
export function fewest(states: number): number {
  return isExhaustive ? states : states / 8;
}

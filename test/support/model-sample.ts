import { expect } from '@jest/globals';
import { describeFailure, type Exploration } from '#session/model/explore.js';
import { isExhaustive } from './exhaustive.js';

/** How the model is explored: `npm run trials` goes on from every situation, `npm test` from every third. */
export const sample = { every: isExhaustive ? 1 : 3 };

/** Figures and ways are printed: between the lines of passing tests, a way to a broken rule reads as a failure. */
export const showsTraces = process.env['PANELET_SHOW_TRACES'] !== undefined;

/**
 * Every rule holds in what was explored, and there was something to explore.
 * @param atLeast situations that a whole exploration finds; a sample finds an eighth of them at least
 */
export function expectEveryRule(found: Exploration, atLeast: number): void {
  if (showsTraces) {
    const { currentTestName = '' } = expect.getState();
    process.stdout.write(`${currentTestName}: ${found.states} situations, ${found.steps} steps, ${found.depth} deep\n`);
  }
  expect(describeFailure(found)).toBe('every rule holds');
  expect(found.states).toBeGreaterThan(isExhaustive ? atLeast : atLeast / 8);
}

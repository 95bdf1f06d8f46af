import { describe, expect, test } from '@jest/globals';
import { isExhaustive } from '#test/support/exhaustive.js';
import { describeFailure, explore } from './explore.js';

// `npm run trials` goes on from every situation, `npm test` from every third.
const [every, most] = isExhaustive ? [1, 1] : [3, 8];

describe('every order of a takeover', () => {
  test('leaves one writer, and an intruder changes nothing', () => {
    const found = explore({ inputs: 1, takeoverInputs: 1, intruders: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(900 / most);
  });

  test('never ends in a fight when a connection breaks', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, cuts: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(1500 / most);
  });

  test('refuses an old token when the worker crashed in between', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, kills: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(600 / most);
  });
});

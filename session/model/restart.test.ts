import { describe, expect, test } from '@jest/globals';
import { isExhaustive } from '#test/support/exhaustive.js';
import { describeFailure, explore } from './explore.js';

// `npm run trials` goes on from every situation, `npm test` from every third.
const [every, most] = isExhaustive ? [1, 1] : [3, 8];

describe('every order of a planned restart', () => {
  test('loses, repeats and invents nothing when a connection breaks at any point of it', () => {
    const found = explore({ inputs: 1, cuts: 1, drains: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(3000 / most);
  });

  test('holds when the drain is called off at any point, and the worker killed at any other', () => {
    const found = explore({ inputs: 1, drains: 1, thaws: 1, kills: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(1500 / most);
  });

  test('keeps events in order with data', () => {
    const found = explore({ inputs: 2, drains: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(400 / most);
  });
});

import { describe, expect, test } from '@jest/globals';
import { isExhaustive } from '#test/support/exhaustive.js';
import { describeFailure, explore } from './explore.js';

// `npm run trials` goes on from every situation, `npm test` from every third.
const [every, most] = isExhaustive ? [1, 1] : [3, 8];

describe('every order of kills of the worker', () => {
  test('tells the client what is lost, also when the next worker dies while it restores', () => {
    const found = explore({ inputs: 1, kills: 2 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(300 / most);
  });

  test('is told over a connection that breaks at any point as well', () => {
    const found = explore({ inputs: 1, kills: 1, cuts: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(1000 / most);
  });

  test('uses a sealed checkpoint once at most', () => {
    const found = explore({ inputs: 1, drains: 1, kills: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(1000 / most);
  });

  test('loses nothing under a durable contract with held output, which the engine could carry', () => {
    const found = explore({ inputs: 1, durable: true, kills: 1, cuts: 1 }, { every });
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(1500 / most);
  });
});

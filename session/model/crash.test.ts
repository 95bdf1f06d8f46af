import { describe, expect, test } from '@jest/globals';
import { fewest, sample } from '#test/support/model-sample.js';
import { describeFailure, explore } from './explore.js';

describe('every order of kills of the worker', () => {
  test('tells the client what is lost, also when the next worker dies while it restores', () => {
    const found = explore({ inputs: 1, kills: 2 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(300));
  });

  test('is told over a connection that breaks at any point as well', () => {
    const found = explore({ inputs: 1, kills: 1, cuts: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(1000));
  });

  test('uses a sealed checkpoint once at most', () => {
    const found = explore({ inputs: 1, drains: 1, kills: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(1000));
  });

  test('loses nothing under a durable contract with held output, which the engine could carry', () => {
    const found = explore({ inputs: 1, durable: true, kills: 1, cuts: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(1500));
  });
});

import { describe, expect, test } from '@jest/globals';
import { fewest, sample } from '#test/support/model-sample.js';
import { describeFailure, explore } from './explore.js';

describe('every order of a planned restart', () => {
  test('loses, repeats and invents nothing when a connection breaks at any point of it', () => {
    const found = explore({ inputs: 1, cuts: 1, drains: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(3000));
  });

  test('holds when the drain is called off at any point, and the worker killed at any other', () => {
    const found = explore({ inputs: 1, drains: 1, thaws: 1, kills: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(1500));
  });

  test('keeps events in order with data', () => {
    const found = explore({ inputs: 2, drains: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(400));
  });
});

import { describe, expect, test } from '@jest/globals';
import { fewest, sample } from '#test/support/model-sample.js';
import { describeFailure, explore } from './explore.js';

describe('every order of a takeover', () => {
  test('leaves one writer, and an intruder changes nothing', () => {
    const found = explore({ inputs: 1, takeoverInputs: 1, intruders: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(900));
  });

  test('never ends in a fight when a connection breaks', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, cuts: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(1500));
  });

  test('refuses an old token when the worker crashed in between', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, kills: 1 }, sample);
    expect(describeFailure(found)).toBe('every rule holds');
    expect(found.states).toBeGreaterThan(fewest(600));
  });
});

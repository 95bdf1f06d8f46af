import { describe, test } from '@jest/globals';
import { expectEveryRule, sample } from '#test/support/model-sample.js';
import { explore } from './explore.js';

describe('every order of a planned restart', () => {
  test('loses, repeats and invents nothing when a connection breaks at any point of it', () => {
    const found = explore({ inputs: 1, cuts: 1, drains: 1 }, sample);
    expectEveryRule(found, 3000);
  });

  test('holds when the drain is called off at any point, and the worker killed at any other', () => {
    const found = explore({ inputs: 1, drains: 1, thaws: 1, kills: 1 }, sample);
    expectEveryRule(found, 1500);
  });

  test('keeps events in order with data', () => {
    const found = explore({ inputs: 2, drains: 1 }, sample);
    expectEveryRule(found, 400);
  });
});

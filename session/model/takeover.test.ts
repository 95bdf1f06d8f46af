import { describe, test } from '@jest/globals';
import { expectEveryRule, sample } from '#test/support/model-sample.js';
import { explore } from './explore.js';

describe('every order of a takeover', () => {
  test('leaves one writer, and an intruder changes nothing', () => {
    const found = explore({ inputs: 1, takeoverInputs: 1, intruders: 1 }, sample);
    expectEveryRule(found, 900);
  });

  test('never ends in a fight when a connection breaks', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, cuts: 1 }, sample);
    expectEveryRule(found, 1500);
  });

  test('refuses an old token when the worker crashed in between', () => {
    const found = explore({ inputs: 0, takeoverInputs: 1, kills: 1 }, sample);
    expectEveryRule(found, 600);
  });
});

import { describe, test } from '@jest/globals';
import { expectEveryRule, sample } from '#test/support/model-sample.js';
import { explore } from './explore.js';

describe('every order of kills of the worker', () => {
  test('tells the client what is lost, also when the next worker dies while it restores', () => {
    const found = explore({ inputs: 1, kills: 2 }, sample);
    expectEveryRule(found, 300);
  });

  test('is told over a connection that breaks at any point as well', () => {
    const found = explore({ inputs: 1, kills: 1, cuts: 1 }, sample);
    expectEveryRule(found, 1000);
  });

  test('uses a sealed checkpoint once at most', () => {
    const found = explore({ inputs: 1, drains: 1, kills: 1 }, sample);
    expectEveryRule(found, 1000);
  });

  test('loses nothing under a durable contract with held output, which the engine could carry', () => {
    const found = explore({ inputs: 1, durable: true, kills: 1, cuts: 1 }, sample);
    expectEveryRule(found, 1500);
  });
});

import { describe, test } from '@jest/globals';
import { expectEveryRule, sample } from '#test/support/model-sample.js';
import type { ModelConfig } from './config.js';
import { explore } from './explore.js';

const stories: readonly (readonly [string, ModelConfig, number])[] = [
  ['either connection breaks', { inputs: 1, moves: 1, cuts: 1 }, 1000],
  ['the worker is restarted', { inputs: 1, moves: 1, drains: 1 }, 1000],
  ['the worker is killed', { inputs: 1, moves: 1, kills: 1 }, 500],
  ['a Hello of an earlier attempt comes late', { inputs: 0, moves: 1, cuts: 1, repeats: 1 }, 1000],
  ['another client takes over', { inputs: 0, takeoverInputs: 1, moves: 1, intruders: 1 }, 1000],
];

describe('every order of two attachments of one client', () => {
  test.each(stories)('loses, repeats and stops nothing when %s', (_, config, atLeast) => {
    const found = explore(config, sample);
    expectEveryRule(found, atLeast);
  });

  test('is told lost, and nothing else, where the worker has gone on from a stale checkpoint', () => {
    const mistakes = { checkpointSurvivesThaw: true, ignoresStaleness: true };
    const found = explore({ inputs: 1, moves: 1, drains: 1, thaws: 1, kills: 1, mistakes }, sample);
    expectEveryRule(found, 1000);
  });
});

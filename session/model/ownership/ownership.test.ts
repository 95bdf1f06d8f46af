import { describe, expect, test } from '@jest/globals';
import { isExhaustive } from '#test/support/exhaustive.js';
import { exploreOwnership } from './explore-ownership.js';
import type { OwnershipConfig } from './rules.js';

const small: OwnershipConfig = { takers: 2, attempts: 1, kills: 1, timeouts: 1, inputs: 1 };
const large: OwnershipConfig = { takers: 2, attempts: 2, kills: 2, timeouts: 1, inputs: 2 };

describe('who has a session, over every order of takers, kills and time-outs', () => {
  test.each([
    ['one taker that may die at any point', { ...small, takers: 1, kills: 2 }, 100],
    ['two takers and no kill', { ...small, kills: 0, attempts: 2 }, 500],
    ['two takers and a kill', small, 2_000],
    ...(isExhaustive ? [['two takers, each twice, and two kills', large, 20_000] as const] : []),
  ])('%s: one accepts, nothing is lost untold', (_, config, atLeast) => {
    const { situations, failure } = exploreOwnership(config);
    expect(failure).toBeUndefined();
    expect(situations).toBeGreaterThan(atLeast);
  });

  test.each([
    ['noDecision', { noDecision: true }, /^I14/],
    ['noLook', { noLook: true }, /^I14/],
    ['drops', { drops: true }, /^I1[56]/],
    ['givesDownwards', { givesDownwards: true }, /^I1[456]/],
    ['rollsBackTheLiving', { rollsBackTheLiving: true }, /^I14/],
  ])('the mistake %s is found', (_, mistakes, rule) => {
    const { failure } = exploreOwnership({ ...small, timeouts: 2, mistakes });
    expect(failure?.rule).toMatch(rule);
    expect(failure?.trace.length).toBeLessThan(20);
    if (process.env['PANELET_SHOW_TRACES'] === '1')
      process.stdout.write(`${failure?.rule ?? ''}\n  ${failure?.trace.join('\n  ') ?? ''}\n`);
  });
});

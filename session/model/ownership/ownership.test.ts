import { describe, expect, test } from '@jest/globals';
import { isExhaustive } from '#test/support/exhaustive.js';
import { showsTraces } from '#test/support/model-sample.js';
import { exploreOwnership } from './explore-ownership.js';
import type { OwnershipConfig } from './rules.js';

const small: OwnershipConfig = { takers: 2, attempts: 1, kills: 1, timeouts: 1, inputs: 1 };
const large: OwnershipConfig = { takers: 2, attempts: 2, kills: 2, timeouts: 1, inputs: 2 };
const sealing: Partial<OwnershipConfig> = { kills: 0, timeouts: 0, seals: 1, aborts: 1 };
const exhaustive: readonly (readonly [string, OwnershipConfig, number])[] = [
  ['two takers, each twice, and two kills', large, 20_000],
  ['two takers, two drains that seal, and a kill', { ...small, timeouts: 0, seals: 2, aborts: 1 }, 20_000],
  ['two takers, a drain that seals, a kill and a power cut', { ...small, seals: 1, aborts: 1, powerCuts: 1 }, 20_000],
];

describe('who has a session, over every order of takers, kills and time-outs', () => {
  test.each([
    ['one taker that may die at any point', { ...small, takers: 1, kills: 2 }, 100],
    ['two takers and no kill', { ...small, kills: 0, attempts: 2 }, 500],
    ['two takers and a kill', small, 2_000],
    ['two takers and a drain that seals, and is called off', { ...small, ...sealing }, 2_000],
    ['one taker, a drain that seals, and a kill', { ...small, ...sealing, takers: 1, kills: 1, seals: 2 }, 500],
    ['one taker, a drain that seals, and a power cut', { ...small, ...sealing, takers: 1, powerCuts: 1 }, 500],
    ...(isExhaustive ? exhaustive : []),
  ])('%s: one accepts, nothing is lost untold', (story, config, atLeast) => {
    const { situations, failure } = exploreOwnership(config);
    if (showsTraces) process.stdout.write(`${story}: ${situations} situations\n`);
    expect(failure).toBeUndefined();
    expect(situations).toBeGreaterThan(atLeast);
  });

  test.each([
    ['noDecision', { noDecision: true }, /^I14/],
    ['noLook', { noLook: true }, /^I14/],
    ['drops', { drops: true }, /^I1[56]/, { kills: 0 }],
    ['givesDownwards', { givesDownwards: true }, /^I1[456]/, { kills: 0 }],
    ['rollsBackTheLiving', { rollsBackTheLiving: true }, /^I14/],
    ['rollsBackTheSealed', { rollsBackTheSealed: true }, /^I16/, sealing],
    ['rollsBackTheConsumed', { rollsBackTheConsumed: true }, /^I16/, sealing],
    ['ignoresConsume', { ignoresConsume: true }, /^I14/, sealing],
    ['consumesAnother', { consumesAnother: true }, /^I1[45]/, { ...sealing, seals: 2 }],
    ['claimsVanish', { claimsVanish: true }, /^I15/, { ...sealing, takers: 1, powerCuts: 1 }],
  ])('the mistake %s is found', (_, mistakes, rule, more: Partial<OwnershipConfig> = {}) => {
    const { failure } = exploreOwnership({ ...small, ...more, mistakes });
    expect(failure?.rule).toMatch(rule);
    const trace = failure?.trace ?? [];
    expect(trace.length).toBeLessThan(20);
    if (showsTraces)
      process.stdout.write(`${failure?.rule ?? ''}, in ${trace.length} steps\n  ${trace.join('\n  ')}\n`);
  });
});

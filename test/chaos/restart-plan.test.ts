import { describe, expect, test } from '@jest/globals';
import { createSeededRandom } from '#common/random.js';
import { hostRestartSpec, planAgentRestart } from './restart-plan.js';

describe('restarts during chaos', () => {
  const random = createSeededRandom(5);
  const planned = Array.from({ length: 200 }, () => planAgentRestart(random));

  test('take every course, one pod at a time and all at once', () => {
    expect(new Set(planned.map(({ course }) => course))).toEqual(new Set(['leave', 'pause', 'abort']));
    expect(new Set(planned.map(({ spec }) => spec.strategy?.maxUnavailable))).toEqual(new Set([1, 2]));
  });

  test('never end a session by force', () => {
    const policies = [...planned.map(({ spec }) => spec), hostRestartSpec('a')].flatMap(({ drain }) => [
      drain?.onTimeout,
      drain?.onUnreachable,
    ]);
    expect(new Set(policies)).toEqual(new Set(['Abort', 'Wait', undefined]));
  });
});

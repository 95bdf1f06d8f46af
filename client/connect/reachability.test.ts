import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';
import { createReachability } from './reachability.js';

describe('waiting for an agent', () => {
  const setup = () => {
    const clock = createFakeClock();
    return { clock, reachability: createReachability({ clock, random: createSeededRandom(1) }) };
  };

  test('ends for all soon after one has come through', () => {
    const { clock, reachability } = setup();
    const fired: number[] = [];
    for (const id of [1, 2, 3]) {
      reachability.wait({ address: 'a', delayMs: 5000, mayShorten: true, fire: () => fired.push(id) });
    }
    clock.advance(1000);
    reachability.announce('elsewhere');
    clock.advance(50);
    expect(fired).toEqual([]);
    reachability.announce('a');
    clock.advance(50);
    expect(fired.sort()).toEqual([1, 2, 3]);
    clock.advance(10_000);
    expect(fired).toHaveLength(3);
  });

  test('is not shortened when the agent itself asked for the time, nor goes on once stopped', () => {
    const { clock, reachability } = setup();
    const fired: string[] = [];
    reachability.wait({ address: 'a', delayMs: 5000, mayShorten: false, fire: () => fired.push('asked') });
    const stop = reachability.wait({ address: 'a', delayMs: 5000, mayShorten: true, fire: () => fired.push('no') });
    stop();
    reachability.announce('a');
    clock.advance(4999);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(['asked']);
    expect(clock.pending()).toBe(0);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { createFakeClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';

import { createWorkQueue } from './work-queue.js';

function setUp() {
  const clock = createFakeClock();
  const queue = createWorkQueue({ clock, random: createSeededRandom(1), initialMs: 100, maxMs: 1_000 });
  return { clock, queue };
}

describe('work queue', () => {
  test('hands out a key once however often it is added', async () => {
    const { queue } = setUp();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
    expect(queue.length).toBe(0);
  });

  test('hands out a key added while in flight after done', async () => {
    const { queue } = setUp();
    queue.add('a');
    await queue.take();
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await queue.take()).toBe('a');
  });

  test('hands a key to whoever waits', async () => {
    const { queue } = setUp();
    const taken = queue.take();
    queue.add('a');
    expect(await taken).toBe('a');
  });

  test('adds after exactly the time that was asked for, the earliest of several', () => {
    const { clock, queue } = setUp();
    queue.addAfter('a', 500);
    queue.addAfter('a', 300);
    queue.addAfter('a', 400);
    clock.advance(299);
    expect(queue.length).toBe(0);
    clock.advance(1);
    expect(queue.length).toBe(1);
    expect(clock.pending()).toBe(0);
  });

  test('adds at once when the time has passed', () => {
    const { queue } = setUp();
    queue.addAfter('a', 0);
    expect(queue.length).toBe(1);
  });

  test('waits longer after every failure of a key, up to a limit, and starts over when they are forgotten', async () => {
    const { clock, queue } = setUp();
    const waitedMs = async (): Promise<number> => {
      const startMs = clock.nowMs();
      queue.addAfterFailure('a');
      while (queue.length === 0) clock.advance(1);
      await queue.take();
      queue.done('a');
      return clock.nowMs() - startMs;
    };
    const ceilings = [100, 200, 400, 800, 1_000, 1_000];
    for (const ceilingMs of ceilings) expect(await waitedMs()).toBeLessThanOrEqual(ceilingMs + 2);
    queue.forget('a');
    expect(await waitedMs()).toBeLessThanOrEqual(102);
  });

  test('gives waiting takers nothing once it is closed', async () => {
    const { clock, queue } = setUp();
    const taken = queue.take();
    queue.addAfter('a', 10);
    queue.close();
    expect(await taken).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    expect(clock.pending()).toBe(0);
  });

  test('never loses a key and never has one in flight twice', async () => {
    const command = fc.record({ what: fc.constantFrom('add', 'take', 'done'), key: fc.constantFrom('a', 'b', 'c') });
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const { queue } = setUp();
        const inFlight = new Set<string>();
        const owed = new Set<string>();
        const take = async (): Promise<void> => {
          const key = (await queue.take()) ?? '';
          expect(inFlight.has(key)).toBe(false);
          inFlight.add(key);
          owed.delete(key);
        };
        for (const { what, key } of commands) {
          if (what === 'add') {
            queue.add(key);
            owed.add(key);
          } else if (what === 'done' && inFlight.has(key)) {
            inFlight.delete(key);
            queue.done(key);
          } else if (what === 'take' && queue.length > 0) {
            await take();
          }
        }
        for (const key of inFlight) queue.done(key);
        inFlight.clear();
        while (queue.length > 0) await take();
        expect([...owed]).toEqual([]);
      }),
    );
  });
});

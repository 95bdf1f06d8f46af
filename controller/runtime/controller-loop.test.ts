import { describe, expect, test } from '@jest/globals';

import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';

import { runControllerLoop } from './controller-loop.js';
import { createWorkQueue } from './work-queue.js';

describe('controller loop', () => {
  test('looks again when a reconcile asks for it, tries a failed one again, and ends with the queue', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue({ clock, random: createSeededRandom(1) });
    const seen: string[] = [];
    const reconcile = (key: string): Promise<{ requeueAfterMs?: number }> => {
      seen.push(key);
      if (key === 'bad' && seen.filter((other) => other === 'bad').length < 3) {
        return Promise.reject(new PaneletError('API_UNAVAILABLE', 'gone'));
      }
      return Promise.resolve(key === 'slow' && seen.length < 4 ? { requeueAfterMs: 5_000 } : {});
    };
    const loop = runControllerLoop({ queue, reconcile, workers: 2, log: createSilentLog() });
    queue.add('slow');
    await settle();
    clock.advance(4_999);
    await settle();
    expect(seen).toEqual(['slow']);
    clock.advance(1);
    await settle();
    expect(seen).toEqual(['slow', 'slow']);
    queue.add('bad');
    for (let round = 0; round < 5; round++) {
      await settle();
      clock.advance(100);
    }
    await settle();
    expect(seen.filter((key) => key === 'bad')).toHaveLength(3);
    queue.close();
    await loop;
  });

  test('waits for the last reconcile before it ends', async () => {
    const queue = createWorkQueue({ clock: createFakeClock(), random: createSeededRandom(1) });
    let finish: (() => void) | undefined;
    let ended = false;
    const reconcile = (): Promise<{ requeueAfterMs?: number }> =>
      new Promise((resolve) => {
        finish = () => resolve({});
      });
    const loop = runControllerLoop({ queue, reconcile, log: createSilentLog() }).then(() => {
      ended = true;
    });
    queue.add('a');
    await settle();
    queue.close();
    await settle();
    expect(ended).toBe(false);
    finish?.();
    await loop;
  });
});

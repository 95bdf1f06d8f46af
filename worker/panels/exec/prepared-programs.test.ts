import { describe, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { createFakeClock } from '#common/time/clock.js';
import type { ComingSession } from '../../panel/panel.js';
import { createPreparedPrograms } from './prepared-programs.js';
import type { StartedProgram } from './start-program.js';

const setup = (isGone = false) => {
  const clock = createFakeClock();
  const events: string[] = [];
  const coming: ComingSession = {
    ...{ sessionId: 's', owner: 'alice', log: createSilentLog(), clock, random: createSeededRandom(1) },
  };
  const start = (): Promise<StartedProgram> => {
    events.push('start');
    return Promise.resolve({
      ...{ pid: 1, isGone, up: Promise.resolve(), write: () => Promise.resolve(), listenAs: () => undefined },
      end: () => {
        events.push('end');
        return Promise.resolve();
      },
    });
  };
  return { clock, events, coming, programs: createPreparedPrograms(start) };
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('programs of sessions that are about to move here', () => {
  test('are started once, however often that is prepared, and are whose session comes', async () => {
    const { clock, events, coming, programs } = setup();
    await programs.prepare(coming);
    await programs.prepare(coming);
    expect(await programs.take('s')).toMatchObject({ pid: 1 });
    expect(await programs.take('s')).toBeUndefined();
    clock.advance(60_000);
    await turn();
    expect(events).toEqual(['start']);
  });

  test('end when nobody comes for them', async () => {
    const { clock, events, coming, programs } = setup();
    await programs.prepare(coming);
    clock.advance(9_999);
    await turn();
    expect(events).toEqual(['start']);
    clock.advance(1);
    await turn();
    expect(events).toEqual(['start', 'end']);
    expect(await programs.take('s')).toBeUndefined();
  });

  test('that have ended are none', async () => {
    const { events, coming, programs } = setup(true);
    await programs.prepare(coming);
    expect(await programs.take('s')).toBeUndefined();
    expect(events).toEqual(['start', 'end']);
  });
});

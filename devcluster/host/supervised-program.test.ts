import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { settle } from '#test/support/settle.js';
import type { LocalProcess, ProcessExit, Processes } from '../launcher/processes.js';
import { createSupervisedProgram, type SupervisedProgram } from './supervised-program.js';

interface Setup {
  readonly clock: FakeClock;
  readonly program: SupervisedProgram;
  readonly sent: string[];
  readonly starts: () => number;
  readonly exit: () => Promise<void>;
}

function setUp(): Setup {
  const clock = createFakeClock();
  const sent: string[] = [];
  let exited = createLatch<ProcessExit>();
  let starts = 0;
  const start = (): Promise<LocalProcess> => {
    starts += 1;
    exited = createLatch<ProcessExit>();
    return Promise.resolve({
      identity: { pid: starts, startTime: starts },
      exited: exited.promise,
      signal: (name) => void sent.push(name),
      killGroup: () => void sent.push('KILL GROUP'),
    });
  };
  const processes: Processes = { start, adopt: () => undefined, find: () => [], signal: () => undefined };
  const spec = { command: ['x'], environment: {}, logFile: '/dev/null' };
  const program = createSupervisedProgram({ name: 'x', spec, processes, clock, log: createSilentLog() });
  const exit = async (): Promise<void> => {
    exited.resolve({ code: 1, signal: 0, known: true });
    await settle();
  };
  return { clock, program, sent, starts: () => starts, exit };
}

describe('supervised program', () => {
  test('is started again when it ends, each time later while it ends at once', async () => {
    const { clock, exit, program, starts } = setUp();
    await program.start();
    for (const [index, delayMs] of [200, 400, 800].entries()) {
      await exit();
      clock.advance(delayMs - 1);
      await settle();
      expect(starts()).toBe(index + 1);
      clock.advance(1);
      await settle();
      expect(starts()).toBe(index + 2);
    }
  });

  test('that was well for a while is started again soon', async () => {
    const { clock, exit, program, starts } = setUp();
    await program.start();
    await exit();
    clock.advance(200);
    await settle();
    clock.advance(10_000);
    await exit();
    clock.advance(200);
    await settle();
    expect(starts()).toBe(3);
  });

  test('is not started again once stopped, and is killed when it does not end by itself', async () => {
    const { clock, exit, program, sent, starts } = setUp();
    await program.start();
    expect(program.pid()).toBe(1);
    const stopped = program.stop(5000);
    expect(sent).toEqual(['SIGTERM']);
    clock.advance(5000);
    expect(sent).toEqual(['SIGTERM', 'KILL GROUP']);
    await exit();
    await stopped;
    clock.advance(100_000);
    await settle();
    expect(starts()).toBe(1);
    expect(program.pid()).toBeUndefined();
  });
});

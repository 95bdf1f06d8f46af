import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { settle } from '#test/support/settle.js';
import { createContainerRunner, type ContainerRunner, type ContainerRunnerDeps } from './container-runner.js';
import type { LocalProcess, ProcessExit, Processes } from './processes.js';

interface FakeProcess extends LocalProcess {
  readonly sent: string[];
  exit(code: number, signal?: number): Promise<void>;
}

class FakeProcesses implements Processes {
  readonly started: FakeProcess[] = [];
  readonly survivors = new Map<number, FakeProcess>();
  failure: Error | undefined;

  create(pid: number): FakeProcess {
    const exited: Latch<ProcessExit> = createLatch<ProcessExit>();
    const sent: string[] = [];
    return {
      identity: { pid, startTime: pid * 10 },
      exited: exited.promise,
      sent,
      signal: (name) => void sent.push(name),
      killGroup: () => void sent.push('KILL GROUP'),
      exit: async (code, signal = 0) => {
        exited.resolve({ code, signal, known: true });
        await settle();
      },
    };
  }

  start(): Promise<LocalProcess> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const process = this.create(this.started.length + 1);
    this.started.push(process);
    return Promise.resolve(process);
  }

  adopt(identity: { pid: number }): LocalProcess | undefined {
    return this.survivors.get(identity.pid);
  }

  find(): never[] {
    return [];
  }

  signal(): void {
    throw new Error('not used');
  }
}

interface Setup {
  readonly clock: FakeClock;
  readonly processes: FakeProcesses;
  readonly events: string[];
  readonly runner: ContainerRunner;
}

function setUp(parts: Partial<ContainerRunnerDeps> = {}): Setup {
  const clock = createFakeClock();
  const processes = new FakeProcesses();
  const events: string[] = [];
  const runner = createContainerRunner({
    name: 'agent',
    image: 'i',
    label: 'agent in pod p_ns(u)',
    processes,
    clock,
    log: createSilentLog(),
    listener: { changed: () => undefined, event: (_type, reason) => void events.push(reason) },
    restartPolicy: 'Always',
    delays: {},
    newContainerId: () => 'id',
    spec: () => ({ command: ['x'], environment: {}, logFile: '/dev/null' }),
    watchReadiness: (_wasReady, tell) => {
      tell(true);
      return () => undefined;
    },
    ...parts,
  });
  return { clock, processes, events, runner };
}

const fresh = { record: undefined, wasReady: false, mayStart: true };

describe('container runner', () => {
  test('starts the container and reports it running and ready', async () => {
    const { runner, events } = setUp();
    runner.begin(fresh);
    await settle();
    expect(runner.view()).toMatchObject({
      state: { running: {} },
      ready: true,
      restartCount: 0,
      containerId: 'local://id',
    });
    expect(events).toEqual(['Started']);
  });

  test('asks again for an image of a registry that cannot be there, and has never started meanwhile', async () => {
    const { runner, clock, processes, events } = setUp({ image: 'registry.invalid:5000/panelet:2' });
    runner.begin(fresh);
    await settle();
    const problem = expect.stringContaining('lookup registry.invalid: no such host') as unknown;
    expect(runner.view()).toMatchObject({
      state: { waiting: { reason: 'ErrImagePull', message: problem } },
      ready: false,
      restartCount: 0,
    });
    expect(events).toEqual(['Failed', 'Failed']);
    clock.advance(1000);
    expect(runner.view().state.waiting).toMatchObject({ reason: 'ImagePullBackOff', message: problem });
    clock.advance(9999);
    expect(events).toEqual(['Failed', 'Failed', 'BackOff', 'Failed']);
    clock.advance(1);
    expect(events).toHaveLength(6);
    expect(runner.view()).toMatchObject({ restartCount: 0, last: undefined });
    await runner.end(1000);
    clock.advance(60_000);
    expect(events).toHaveLength(6);
    expect(processes.started).toEqual([]);
  });

  test.each(['nginx', 'invalid/x', 'registry.example/x.invalid', 'panelet/panelet:dev'])(
    'needs no image %s',
    async (image) => {
      const { runner } = setUp({ image });
      runner.begin(fresh);
      await settle();
      expect(runner.view().state.running).toBeDefined();
    },
  );

  test('restarts after 1 s, 10 s, 20 s, and says CrashLoopBackOff while it waits', async () => {
    const { runner, clock, processes, events } = setUp();
    runner.begin(fresh);
    await settle();
    await processes.started[0]?.exit(137, 9);
    expect(runner.view().state.terminated).toMatchObject({ exitCode: 137, signal: 9, reason: 'Error' });
    for (const [index, delayMs] of [1000, 10_000, 20_000].entries()) {
      clock.advance(delayMs - 1);
      await settle();
      expect(processes.started).toHaveLength(index + 1);
      clock.advance(1);
      await settle();
      expect(processes.started).toHaveLength(index + 2);
      await processes.started[index + 1]?.exit(1);
      expect(runner.view().state.waiting?.reason).toBe('CrashLoopBackOff');
    }
    expect(runner.view()).toMatchObject({ restartCount: 3, last: { exitCode: 1 } });
    expect(events.filter((reason) => reason === 'BackOff')).toHaveLength(3);
  });

  test('forgets earlier restarts once the container ran long enough', async () => {
    const { runner, clock, processes } = setUp({ delays: { resetAfterMs: 5000 } });
    runner.begin(fresh);
    await settle();
    await processes.started[0]?.exit(1);
    clock.advance(1000);
    await settle();
    clock.advance(5000);
    await processes.started[1]?.exit(1);
    clock.advance(1000);
    await settle();
    expect(processes.started).toHaveLength(3);
  });

  test('ends with SIGTERM, then SIGKILL to the group after the grace, and does not restart', async () => {
    const { runner, clock, processes, events } = setUp();
    runner.begin(fresh);
    await settle();
    const ended = runner.end(30_000);
    expect(processes.started[0]?.sent).toEqual(['SIGTERM']);
    clock.advance(30_000);
    expect(processes.started[0]?.sent).toEqual(['SIGTERM', 'KILL GROUP']);
    await processes.started[0]?.exit(137, 9);
    await ended;
    clock.advance(1_000_000);
    await settle();
    expect(processes.started).toHaveLength(1);
    expect(runner.isOver()).toBe(true);
    expect(events).toContain('Killing');
  });

  test('takes a shorter grace, but not a longer one', async () => {
    const { runner, clock, processes } = setUp();
    runner.begin(fresh);
    await settle();
    void runner.end(30_000);
    void runner.end(60_000);
    void runner.end(2000);
    clock.advance(2000);
    expect(processes.started[0]?.sent).toEqual(['SIGTERM', 'SIGTERM', 'KILL GROUP']);
  });

  test('ends at once while it waits for a restart', async () => {
    const { runner, processes } = setUp();
    runner.begin(fresh);
    await settle();
    await processes.started[0]?.exit(1);
    await runner.end(30_000);
    expect(runner.view().state.terminated?.exitCode).toBe(1);
  });

  test('adopts the process of its record and keeps its count', () => {
    const { runner, processes } = setUp();
    processes.survivors.set(77, processes.create(77));
    runner.begin({ record: { restartCount: 4, process: { pid: 77, startTime: 770 } }, wasReady: true, mayStart: true });
    expect(processes.started).toHaveLength(0);
    expect(runner.view()).toMatchObject({ state: { running: {} }, restartCount: 4, ready: true });
  });

  test('starts once more without delay when the process of its record is gone', async () => {
    const { runner, processes } = setUp();
    runner.begin({ record: { restartCount: 4, process: { pid: 77, startTime: 770 } }, wasReady: true, mayStart: true });
    await settle();
    expect(processes.started).toHaveLength(1);
    expect(runner.view()).toMatchObject({ restartCount: 5, last: { reason: 'ContainerStatusUnknown', exitCode: 137 } });
  });

  test('starts nothing for a pod that is being deleted', async () => {
    const { runner, processes } = setUp();
    runner.begin({ record: undefined, wasReady: false, mayStart: false });
    await settle();
    expect(processes.started).toHaveLength(0);
    expect(runner.isOver()).toBe(true);
  });

  test('leaves a container that ended well alone under OnFailure', async () => {
    const { runner, processes } = setUp({ restartPolicy: 'OnFailure' });
    runner.begin(fresh);
    await settle();
    await processes.started[0]?.exit(0);
    expect(runner.isOver()).toBe(true);
    expect(runner.view().state.terminated?.reason).toBe('Completed');
  });

  test('reports a program that cannot be started and tries again', async () => {
    const { runner, processes, clock, events } = setUp();
    processes.failure = new Error('spawn nothing ENOENT');
    runner.begin(fresh);
    await settle();
    expect(runner.view().state.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' });
    expect(events).toContain('Failed');
    processes.failure = undefined;
    clock.advance(1000);
    await settle();
    expect(runner.view().state.running).toBeDefined();
  });
});

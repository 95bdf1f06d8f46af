import { describe, expect, test } from '@jest/globals';
import { createChanges } from '#common/changes.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { settle } from '#test/support/settle.js';
import { createCordons, type Cordon } from '../gate/cordons.js';
import type { NodeWorker, WorkerStage } from '../workers/node-worker.js';
import { maxRetiring, replaceWorker, whyNotReplaced } from './replace-worker.js';

const cordon: Cordon = { restartUid: 'r', generation: 1, reason: '', untilMs: 60_000, draining: false };

/** A worker without a process: a test says what is known of it. */
function workerOf(stage: WorkerStage, number: number, change: Partial<Record<keyof NodeWorker, unknown>> = {}) {
  const seen = { state: undefined as State | undefined, pid: undefined as number | undefined, message: '' };
  const stops: number[] = [];
  const worker = {
    ...{ panel: { name: 'echo', target: 'agent' }, number, stage, leaving: false },
    link: {
      state: () =>
        seen.state === undefined
          ? { kind: 'unknown', message: '' }
          : { kind: 'up', status: GateStatus.fromPartial({ state: seen.state }), clients: {} },
    },
    supervisor: {
      status: () => ({ process: seen.pid === undefined ? undefined : { pid: seen.pid }, message: seen.message }),
      stop: (termMs: number) => Promise.resolve(stops.push(termMs)),
    },
    ...change,
  } as unknown as NodeWorker;
  return { worker, seen, stops };
}

/** A node with one worker, and the one that is started beside it. */
function createScene() {
  const [clock, changes] = [createFakeClock(), createChanges()];
  const cordons = createCordons(clock, () => undefined);
  const old = workerOf('newest', 1);
  const coming = workerOf('coming', 2);
  const workers = new Set([old.worker]);
  const done: string[] = [];
  const registry = {
    changes,
    workers: () => [...workers],
    addBeside: () => {
      workers.add(coming.worker);
      return coming.worker;
    },
    promote: () => done.push('promoted'),
    remove: (worker: NodeWorker) => {
      workers.delete(worker);
      done.push('removed');
    },
  };
  const deps = { registry, cordons, clock, log: createSilentLog(), startTimes: { serveMs: 20_000 } };
  const pids: number[] = [];
  const run = () => {
    const { panel } = old.worker;
    return replaceWorker(deps, old.worker, { panel, onStarted: (pid) => pids.push(pid) }).then(
      () => 'replaced',
      (error: unknown) => error,
    );
  };
  const set = (change: Partial<typeof coming.seen>): void => {
    Object.assign(coming.seen, change);
    changes.notify();
  };
  return { ...{ clock, cordons, old, coming, workers, registry, deps, done, pids, run, set } };
}

describe('a worker that is to be replaced', () => {
  test('is, once the new one serves, whose process is told once', async () => {
    const scene = createScene();
    const result = scene.run();
    scene.set({ pid: 7 });
    scene.set({ state: State.CORDONED });
    await settle();
    expect(scene.done).toEqual([]);
    scene.set({ state: State.SERVING });
    expect(await result).toBe('replaced');
    expect([scene.done, scene.pids, scene.coming.stops]).toEqual([['promoted'], [7], []]);
    expect(scene.clock.pending()).toBe(0);
  });

  test('goes on where the new one does not serve in its time: that is ended, and forgotten', async () => {
    const scene = createScene();
    const result = scene.run();
    scene.set({ pid: 7, state: State.CORDONED });
    scene.clock.advance(19_999);
    await settle();
    expect(scene.coming.stops).toEqual([]);
    scene.clock.advance(1);
    expect(await result).toMatchObject({
      code: 'WORKER_UNAVAILABLE',
      message: expect.stringContaining('20 s') as unknown,
    });
    expect(scene.coming.stops).toHaveLength(1);
    expect([scene.coming.worker.stage, scene.old.worker.stage]).toEqual(['gone', 'newest']);
    expect([[...scene.workers], scene.done]).toEqual([[scene.old.worker], ['removed']]);
    expect(scene.clock.pending()).toBe(0);
  });

  test.each<[string, string, (scene: ReturnType<typeof createScene>) => void]>([
    [
      'the new one has ended',
      'code 7',
      ({ coming, set }) => {
        coming.worker.stage = 'gone';
        set({ message: 'The worker ended: code 7' });
      },
    ],
    [
      'its panel was removed',
      'removed meanwhile',
      ({ old, set }) => {
        old.worker.leaving = true;
        set({ state: State.SERVING });
      },
    ],
    [
      'it has ended itself',
      'removed meanwhile',
      ({ old, workers, set }) => {
        workers.delete(old.worker);
        set({ state: State.SERVING });
      },
    ],
    [
      'a restart has begun',
      'restart of the node',
      ({ cordons, set }) => {
        cordons.set(Target.AGENT, cordon);
        set({ state: State.SERVING });
      },
    ],
  ])('is not where %s meanwhile, which is said', async (_, words, happens) => {
    const scene = createScene();
    const result = scene.run();
    await settle();
    happens(scene);
    expect(await result).toMatchObject({ message: expect.stringContaining(words) as unknown });
    expect([scene.done, scene.coming.stops.length]).toEqual([['removed'], 1]);
    scene.cordons.close();
    expect(scene.clock.pending()).toBe(0);
  });

  test.each<[string, string, (scene: ReturnType<typeof createScene>) => NodeWorker]>([
    ['something else has started', 'not started by', () => workerOf('newest', 1, { supervisor: undefined }).worker],
    ['whose panel is being removed', 'being removed', () => workerOf('newest', 1, { leaving: true }).worker],
    ['that may not be the newest', 'not know its workers', () => workerOf('undecided', 1).worker],
    [
      'of a node that is being restarted',
      'restart of the node',
      ({ cordons, old }) => {
        cordons.set(Target.AGENT, cordon);
        return old.worker;
      },
    ],
    [
      'of which the most retire that may',
      'still retire',
      ({ workers, old }) => {
        for (let index = 0; index < maxRetiring; index += 1) workers.add(workerOf('retiring', 10 + index).worker);
        return old.worker;
      },
    ],
  ])('is refused for one %s, before anything is started', async (_, words, make) => {
    const scene = createScene();
    const { deps, workers, cordons } = scene;
    const worker = make(scene);
    const before = workers.size;
    expect(whyNotReplaced(deps, worker)).toContain(words);
    const started = replaceWorker(deps, worker, { panel: worker.panel, onStarted: () => undefined });
    await expect(started).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
    expect(workers.size).toBe(before);
    cordons.close();
  });

  test('may be while one retires less than may', () => {
    const { deps, workers, old } = createScene();
    for (let index = 1; index < maxRetiring; index += 1) workers.add(workerOf('retiring', 10 + index).worker);
    expect(whyNotReplaced(deps, old.worker)).toBeUndefined();
  });
});

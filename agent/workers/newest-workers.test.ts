import { describe, expect, test } from '@jest/globals';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { killedWith, workersOf } from '../gate/node-workers.js';
import { createChanges } from '#common/changes.js';
import { isRetirement, newestWorkers, viewWorker, type NodeWorker, type WorkerStage } from './node-worker.js';

function workerIn(stage: WorkerStage, number: number, status?: Partial<GateStatus>): NodeWorker {
  const link = {
    state: () => (status === undefined ? { kind: 'unknown', message: '' } : { kind: 'up', status, clients: {} }),
  };
  return { panel: { name: 'echo', target: 'agent' }, number, stage, link } as unknown as NodeWorker;
}
const retiring = { state: State.NOTIFIED, restartUid: 'retire-1' };

describe('of the workers of a panel', () => {
  test('the newest speaks for it; until that is known, the one that came last', () => {
    const [old, newest] = [workerIn('retiring', 1), workerIn('newest', 2)];
    expect(newestWorkers([old, newest, workerIn('coming', 3)])).toEqual([newest]);
    const [first, second] = [workerIn('undecided', 1), workerIn('undecided', 2)];
    expect(newestWorkers([first, second])).toEqual([second]);
  });

  test('those that are drained for a newer one, or not there yet, are no part of the gate; those that do not answer are', () => {
    const [drained, silent] = [workerIn('retiring', 1, retiring), workerIn('retiring', 2)];
    const [newest, coming] = [workerIn('newest', 3, { state: State.SERVING }), workerIn('coming', 4)];
    const node = { changes: createChanges(), workers: () => [drained, silent, newest, coming] };
    expect(workersOf(node, Target.AGENT)).toEqual([silent, newest]);
    expect(killedWith(node, Target.AGENT)).toHaveLength(4);
  });

  test('one that has gone is certainly absent, whatever its connection says', () => {
    expect(viewWorker(workerIn('gone', 1))).toEqual({ kind: 'absent' });
    expect(viewWorker(workerIn('retiring', 1))).toMatchObject({ kind: 'unknown' });
  });

  test('a drain of a restart is not taken for one that a newer worker is the reason of', () => {
    expect(isRetirement(GateStatus.fromPartial(retiring))).toBe(true);
    expect(isRetirement(GateStatus.fromPartial({ ...retiring, restartUid: 'r' }))).toBe(false);
    expect(isRetirement(GateStatus.fromPartial({ ...retiring, state: State.SERVING }))).toBe(false);
  });
});

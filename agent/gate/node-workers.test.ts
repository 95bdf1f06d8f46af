import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { DrainRequest, Target } from '#proto/gate/v1/gate.js';
import { createChanges } from '#common/changes.js';
import type { ConnectionState } from '../workers/worker-connection.js';
import type { NodeWorker } from '../workers/node-worker.js';
import { drainWorkers } from './worker-calls.js';
import { settleWorkers, untilSeen, type NodeWorkers } from './node-workers.js';

const absent: ConnectionState = { kind: 'absent' };
const unknown: ConnectionState = { kind: 'unknown', message: 'It hangs.' };

function unitIn(name: string, state: () => ConnectionState): NodeWorker {
  const panel = { name, target: 'agent', run: 'external' };
  return { panel, link: { state }, supervisor: undefined, leaving: false } as unknown as NodeWorker;
}

function membersOf(...workers: NodeWorker[]): NodeWorkers {
  return { changes: createChanges(), workers: () => workers };
}

describe('the workers of a target', () => {
  test('are certain once none is unknown, and nothing is left of the wait', async () => {
    const clock = createFakeClock();
    let state: ConnectionState = unknown;
    const nodeWorkers = membersOf(unitIn('echo', () => state));
    for (let round = 0; round < 100; round++) {
      state = unknown;
      const settled = settleWorkers(nodeWorkers, Target.AGENT, { clock, limitMs: 100 });
      state = absent;
      nodeWorkers.changes.notify();
      expect(await settled).toEqual([]);
    }
    expect(clock.pending()).toBe(0);
  });

  test('are waited for so long, and the one that stays unknown is named', async () => {
    const clock = createFakeClock();
    const nodeWorkers = membersOf(
      unitIn('echo', () => absent),
      unitIn('logs', () => unknown),
    );
    const settled = settleWorkers(nodeWorkers, Target.AGENT, { clock, limitMs: 100 });
    clock.advance(100);
    await expect(settled).rejects.toMatchObject({
      code: 'WORKER_UNAVAILABLE',
      message: 'The worker of panel "logs" does not answer.',
    });
    const seen = untilSeen(nodeWorkers, () => false, { clock, limitMs: 100 });
    clock.advance(100);
    await seen;
    expect(clock.pending()).toBe(0);
  });

  test('leave no listener with their caller when they are drained', async () => {
    const { signal } = new AbortController();
    const nodeWorkers = membersOf(unitIn('echo', () => absent));
    const request = DrainRequest.fromPartial({ command: { restartUid: 'r', fencing: 1, generation: 1 } });
    const options = {
      nodeWorkers,
      target: Target.AGENT,
      request,
      requestFor: () => request,
      signal,
      emit: () => undefined,
    };
    for (let round = 0; round < 100; round++) expect(await drainWorkers(options)).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { DrainRequest, Target } from '#proto/gate/v1/gate.js';
import { createChanges } from '#common/changes.js';
import type { LinkState } from '../workers/worker-connection.js';
import type { Unit } from '../workers/unit.js';
import { drainMembers } from './member-calls.js';
import { settleMembers, untilSeen, type Members } from './members.js';

const absent: LinkState = { kind: 'absent' };
const unknown: LinkState = { kind: 'unknown', message: 'It hangs.' };

function unitIn(name: string, state: () => LinkState): Unit {
  const panel = { name, target: 'agent', run: 'external' };
  return { panel, link: { state }, supervisor: undefined, leaving: false } as unknown as Unit;
}

function membersOf(...units: Unit[]): Members {
  return { changes: createChanges(), units: () => units };
}

describe('the workers of a target', () => {
  test('are certain once none is unknown, and nothing is left of the wait', async () => {
    const clock = createFakeClock();
    let state: LinkState = unknown;
    const members = membersOf(unitIn('echo', () => state));
    for (let round = 0; round < 100; round++) {
      state = unknown;
      const settled = settleMembers(members, Target.AGENT, { clock, limitMs: 100 });
      state = absent;
      members.changes.notify();
      expect(await settled).toEqual([]);
    }
    expect(clock.pending()).toBe(0);
  });

  test('are waited for so long, and the one that stays unknown is named', async () => {
    const clock = createFakeClock();
    const members = membersOf(
      unitIn('echo', () => absent),
      unitIn('logs', () => unknown),
    );
    const settled = settleMembers(members, Target.AGENT, { clock, limitMs: 100 });
    clock.advance(100);
    await expect(settled).rejects.toMatchObject({
      code: 'WORKER_UNAVAILABLE',
      message: 'The worker of panel "logs" does not answer.',
    });
    const seen = untilSeen(members, () => false, { clock, limitMs: 100 });
    clock.advance(100);
    await seen;
    expect(clock.pending()).toBe(0);
  });

  test('leave no listener with their caller when they are drained', async () => {
    const { signal } = new AbortController();
    const members = membersOf(unitIn('echo', () => absent));
    const request = DrainRequest.fromPartial({ command: { restartUid: 'r', fencing: 1, generation: 1 } });
    const options = { log: createSilentLog(), members, target: Target.AGENT, request, signal, emit: () => undefined };
    for (let round = 0; round < 100; round++) expect(await drainMembers(options)).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

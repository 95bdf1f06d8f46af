import { describe, expect, test } from '@jest/globals';
import { msToTimestamp } from '#common/time/timestamp.js';
import type { DaemonSet, OwnerReference, Pod } from '#kube/objects.js';
import { GateStatus, Receipt, State, Target, WorkerStatus } from '#proto/gate/v1/gate.js';
import { retiringStep, type RetiringCase } from './retiring-step.js';

const nowMs = Date.parse('2027-01-31T03:00:00Z');
const hourMs = 3_600_000;
const target: DaemonSet = { metadata: { name: 'hosts', uid: 'ds' } };
const lease: OwnerReference = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'l', uid: 'lease' };
const owner: OwnerReference = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'hosts', uid: 'ds', controller: false };

function podUntil(retireAt: string | undefined): Pod {
  return {
    metadata: {
      name: 'old',
      uid: 'old',
      labels: { 'panelet.dev/retiring': 'true' },
      annotations: {
        'panelet.dev/retirement': JSON.stringify({ restart: 'r', target: 'hosts' }),
        ...(retireAt === undefined ? {} : { 'panelet.dev/retire-at': retireAt }),
      },
      ownerReferences: [owner, { ...lease, controller: true }],
    },
    spec: { nodeName: 'node-0' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

const at = (ms: number): string => new Date(ms).toISOString();

interface Told {
  readonly state?: State;
  readonly sessions?: number;
  readonly restartUid?: string;
  /** Until when the gate knows the pod to stay; undefined where it knows of no retiring. */
  readonly untilMs?: number | undefined;
  /** State of the pod's worker, where it is another one. */
  readonly worker?: State;
}

function statusOf({ state = State.CORDONED, sessions = 0, restartUid = '', untilMs, worker = state }: Told) {
  const workers = [
    WorkerStatus.fromPartial({ panel: 'terminal', target: Target.HOST, podUid: 'old', sessions, state: worker }),
  ];
  const retireAt = untilMs === undefined ? {} : { retiring: true, retireAt: msToTimestamp(untilMs) };
  return GateStatus.fromPartial({ state, sessions, restartUid, instance: 'agent', workers, fencing: 1, ...retireAt });
}

function step(retireAtMs: number, told: Told, more: Partial<RetiringCase> & { receipt?: Receipt } = {}) {
  const { receipt, ...rest } = more;
  const { isForced, actions, wakeMs } = retiringStep({
    pod: podUntil(at(retireAtMs)),
    target,
    lease,
    node: undefined,
    gate: { metadata: { name: 'agent', uid: 'agent-pod' } },
    view: { kind: 'answered', status: statusOf(told), receipt },
    budgets: [],
    isBusy: false,
    now: new Date(nowMs),
    fencing: 1,
    fencingLimit: 100,
    ...rest,
  });
  return { kinds: actions.map(({ kind }) => kind), isForced, wakeMs };
}

describe('a pod that retires', () => {
  const later = nowMs + hourMs;

  test('stays while it has sessions, and is drained when it has none', () => {
    expect(step(later, { sessions: 2, untilMs: later })).toMatchObject({ kinds: [], wakeMs: 30_000 });
    expect(step(later, { sessions: 0, untilMs: later })).toMatchObject({ kinds: ['drain'], isForced: false });
  });

  test('whose time is over is drained by force', () => {
    expect(step(nowMs, { sessions: 2, untilMs: nowMs })).toMatchObject({ kinds: ['drain'], isForced: true });
  });

  test('that has ended its sessions itself, while nobody looked, is drained for the receipt of that', () => {
    const ended = { state: State.CLOSED, sessions: 0, untilMs: nowMs - hourMs };
    expect(step(nowMs - hourMs, ended)).toMatchObject({ kinds: ['drain'] });
    const receipt = Receipt.fromPartial({ restartUid: 'old', instance: 'agent', target: Target.HOST, podUid: 'old' });
    expect(step(nowMs - hourMs, { ...ended, restartUid: 'old' }, { receipt })).toMatchObject({ kinds: ['delete'] });
  });

  test('that is given more time before its last drain has ended anybody goes on with its sessions', () => {
    const draining = { state: State.NOTIFIED, sessions: 2, restartUid: 'old', untilMs: nowMs };
    expect(step(later, draining)).toMatchObject({ kinds: ['tellRetired', 'reopen'] });
    expect(step(later, { ...draining, untilMs: later })).toMatchObject({ kinds: ['reopen'] });
    // What a restart, or a person, has begun is theirs to call off.
    expect(step(later, { ...draining, untilMs: later, restartUid: 'r' })).toMatchObject({ kinds: [] });
    expect(step(later, { ...draining, untilMs: later, state: State.CORDONED })).toMatchObject({ kinds: [] });
  });

  test('is told until when where its gate does not know', () => {
    expect(step(later, { sessions: 2 })).toMatchObject({ kinds: ['tellRetired'] });
    expect(step(later, { sessions: 2, untilMs: nowMs + 60_000 })).toMatchObject({ kinds: ['tellRetired'] });
  });

  test('goes also where its gate can never be told, as one whose worker knows of no retiring', () => {
    expect(step(nowMs, { state: State.SERVING, sessions: 2 })).toMatchObject({
      kinds: ['tellRetired', 'cordon'],
      isForced: true,
    });
    expect(step(later, { state: State.SERVING, sessions: 0 })).toMatchObject({
      kinds: ['tellRetired', 'cordon'],
      isForced: false,
    });
    expect(step(nowMs, { state: State.CORDONED, restartUid: 'old', sessions: 2 })).toMatchObject({
      kinds: ['tellRetired', 'drain'],
      isForced: true,
    });
  });

  test('has none to wait for where none of its workers runs, for certain', () => {
    expect(step(later, { state: State.SERVING, worker: State.UNSPECIFIED }).kinds).toContain('cordon');
    const drained = { state: State.CORDONED, restartUid: 'old', worker: State.UNSPECIFIED };
    expect(step(later, drained).kinds).toContain('drain');
  });

  test('is not taken for empty while a worker of it does not answer', () => {
    const silent = { state: State.UNSPECIFIED, sessions: 0, worker: State.UNSPECIFIED };
    expect(step(later, silent)).toMatchObject({ kinds: ['tellRetired'] });
    expect(step(later, { ...silent, untilMs: later })).toMatchObject({ kinds: [] });
  });
});

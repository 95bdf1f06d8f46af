import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { msToDuration } from '#common/time/duration.js';
import { State, Target, type GateStatus, type Receipt } from '#proto/gate/v1/gate.js';

import type { DaemonSet, KubeNode, Pod, PodDisruptionBudget } from '#kube/objects.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { claimAnnotation, uncordonFinalizer } from '../api/annotations.js';
import { neverRan } from '../api/events.js';
import { RetiringList } from '../facts/retiring-list.js';
import { TargetPods } from '../facts/target-pods.js';
import { gatesToAsk } from './gate-questions.js';
import { nextSteps } from './next-steps.js';
import { outstandingPods } from './outstanding-pods.js';
import type { ActivePod, PanelRestart, PanelRestartSpec, RecordedReceipt } from '../api/panel-restart.js';
import type { Action, Decision, GateView, Snapshot } from './snapshot.js';
import type { GateProviders } from '../facts/gate-provider.js';

const now = new Date('2026-01-01T12:00:00Z');
const at = (seconds: number): string => new Date(now.getTime() + seconds * 1_000).toISOString();

const target: DaemonSet = {
  metadata: { namespace: 'n', name: 'agent', uid: 'ds' },
  spec: { updateStrategy: { type: 'OnDelete' } },
};
const node: KubeNode = { metadata: { name: 'a' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } };

function podOf(claim: object | undefined, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: {
      namespace: 'n',
      name: 'p',
      uid: 'pod',
      resourceVersion: '1',
      creationTimestamp: at(-3_600),
      ...(claim === undefined ? {} : { annotations: { [claimAnnotation]: JSON.stringify(claim) } }),
      ...metadata,
    },
    spec: { nodeName: 'a' },
    status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function statusOf(state: State, rest: Partial<GateStatus> = {}): GateStatus {
  return {
    state,
    restartUid: state === State.SERVING ? '' : 'restart',
    instance: 'i1',
    sessions: 4,
    counts: undefined,
    holders: [],
    leaseRemaining: msToDuration(60_000),
    deadlineRemaining: undefined,
    fencing: 1,
    workers: [],
    node: 'a',
    restartRequired: false,
    noticeMayEnd: false,
    waiting: [],
    version: '0',
    podUid: 'pod',
    retiring: false,
    ...rest,
  };
}

function receiptOf(rest: Partial<Receipt> = {}): Receipt {
  return {
    restartUid: 'restart',
    instance: 'i1',
    counts: { kept: 1, finished: 0, checkpointed: 3, forced: 0, remaining: 0, restored: 0, moved: 0 },
    forced: [],
    took: msToDuration(1_200),
    target: Target.AGENT,
    digest: 'd1',
    ...rest,
  };
}

const recorded: RecordedReceipt = { instance: 'i1', digest: 'd1', kept: 1, finished: 0, checkpointed: 3, forced: 0 };
const goodClaim = { restart: 'restart', deadline: at(30), fencing: 1, generation: 1 };

interface Scene {
  readonly pods?: readonly Pod[];
  readonly active?: readonly ActivePod[];
  readonly gate?: GateView | undefined;
  readonly spec?: Partial<PanelRestartSpec>;
  readonly watchedMs?: number;
  readonly fencing?: number;
  readonly fencingLimit?: number;
  readonly budgets?: readonly PodDisruptionBudget[];
  readonly gateProviders?: GateProviders;
  readonly busyNode?: string;
}

function worldOf(scene: Scene): Snapshot {
  const restart: PanelRestart = {
    metadata: {
      namespace: 'n',
      name: 'r',
      uid: 'restart',
      generation: 1,
      creationTimestamp: at(-60),
      finalizers: [uncordonFinalizer],
    },
    spec: { targetRef: { name: 'agent' }, ...scene.spec },
    status: { phase: 'Running', startTime: at(-59), active: scene.active ?? [] },
  };
  const pods = scene.pods ?? [podOf(goodClaim)];
  const nodes = new Map([['a', node]]);
  return {
    restart,
    target,
    pods: new TargetPods(pods),
    retiring: new RetiringList(),
    outstanding: outstandingPods({ restart, nodes }, pods),
    nodes,
    rivals: [],
    newest: undefined,
    budgets: scene.budgets ?? [],
    gateProviders: scene.gateProviders,
    rolloutAhead: undefined,
    busyNodes: new Map(scene.busyNode === undefined ? [] : [[scene.busyNode, 'another']]),
    gates: new Map(scene.gate === undefined ? [] : [['pod', scene.gate]]),
    now,
    watchedMs: () => scene.watchedMs ?? 60_000,
    fencing: scene.fencing ?? 1,
    fencingLimit: scene.fencingLimit ?? 10_001,
  };
}

function answered(status: GateStatus, receipt?: Receipt): GateView {
  return { kind: 'answered', status, receipt };
}

const kinds = ({ actions }: Decision): string[] => actions.map(({ kind }) => kind);
const entry = (rest: Partial<ActivePod> = {}): ActivePod => ({
  pod: 'p',
  uid: 'pod',
  node: 'a',
  step: 'Draining',
  ...rest,
});

describe('the next step of a pod', () => {
  test('that nobody has is to claim it, with a deadline', () => {
    const decision = nextSteps(worldOf({ pods: [podOf(undefined)] }));
    expect(kinds(decision)).toEqual(['claim']);
    const [claim] = decision.actions as [Extract<Action, { kind: 'claim' }>];
    expect(claim.claim).toEqual({ restart: 'restart', deadline: at(60), fencing: 1, generation: 1 });
  });

  test('is not to claim it before the request has settled', () => {
    const decision = nextSteps(worldOf({ pods: [podOf(undefined)], watchedMs: 400 }));
    expect(kinds(decision)).toEqual([]);
    expect(decision.requeueAfterMs).toBe(600);
  });

  test.each([
    [State.SERVING, ['cordon']],
    [State.CORDONED, ['drain']],
    [State.NOTIFIED, ['drain']],
    [State.FROZEN, ['drain']],
    [State.RELEASED, ['drain']],
    [State.CLOSED, []],
  ])('whose gate is in state %i follows from it', (state, expected) => {
    expect(kinds(nextSteps(worldOf({ gate: answered(statusOf(state)) })))).toEqual(expected);
  });

  test('whose cordon is about to run out is to renew it', () => {
    const gate = answered(statusOf(State.FROZEN, { leaseRemaining: msToDuration(29_000) }));
    expect(kinds(nextSteps(worldOf({ gate })))).toEqual(['cordon', 'drain']);
  });

  test('whose gate gives a receipt is to write it down, not yet to kill', () => {
    const decision = nextSteps(worldOf({ gate: answered(statusOf(State.CLOSED), receiptOf()) }));
    expect(kinds(decision)).toEqual([]);
    expect(decision.status?.active?.[0]).toMatchObject({ step: 'Drained', receipt: { digest: 'd1', checkpointed: 3 } });
  });

  test('whose receipt is written down and still given is to kill it', () => {
    const gate = answered(statusOf(State.CLOSED), receiptOf());
    expect(kinds(nextSteps(worldOf({ gate, active: [entry({ receipt: recorded })] })))).toEqual(['delete']);
  });

  test.each<[string, GateView | undefined]>([
    ['is another one', answered(statusOf(State.CLOSED), receiptOf({ digest: 'd2' }))],
    ['is of another instance', answered(statusOf(State.CLOSED, { instance: 'i2' }), receiptOf())],
    ['is of another restart', answered(statusOf(State.CLOSED), receiptOf({ restartUid: 'other' }))],
    ['is of another target', answered(statusOf(State.CLOSED), receiptOf({ target: Target.HOST }))],
    ['is not given any more', answered(statusOf(State.CLOSED))],
    ['is given by a gate that serves', answered(statusOf(State.SERVING), receiptOf())],
    ['cannot be asked for', { kind: 'unreachable', message: 'gone' }],
    ['was not asked for', undefined],
  ])('whose receipt is written down and %s is not to kill it', (_why, gate) => {
    expect(kinds(nextSteps(worldOf({ gate, active: [entry({ receipt: recorded })] })))).not.toContain('delete');
  });

  test('under a leader older than one its agent knows is to raise the number, and nothing else', () => {
    const gate = answered(statusOf(State.SERVING, { fencing: 9 }));
    const { actions, events } = nextSteps(worldOf({ gate }));
    expect(actions).toEqual([{ kind: 'raiseFencing', above: 9 }]);
    expect(events).toMatchObject([{ type: 'Warning', reason: 'FencingRaised' }]);
  });

  test.each([10_001, 2_147_483_647, Number.MAX_SAFE_INTEGER])(
    'whose agent knows the leader %d, which no leader can be, is not to be followed',
    (fencing) => {
      const gate = answered(statusOf(State.SERVING, { fencing }));
      const early = nextSteps(worldOf({ gate }));
      expect(early.actions).toEqual([]);
      expect(early.status?.active?.[0]?.message).toContain(
        `takes commands only from leader ${fencing} on, and this one is 1.`,
      );
      const pods = [podOf({ ...goodClaim, deadline: at(-1) })];
      const late = nextSteps(worldOf({ gate, pods, spec: { drain: { onUnreachable: 'Force' } } }));
      expect(late.status?.failures).toMatchObject([{ pod: 'p', reason: 'FencingImplausible' }]);
    },
  );

  test('that its restart gives up is to uncordon it', () => {
    const gate = answered(statusOf(State.FROZEN));
    expect(kinds(nextSteps(worldOf({ gate, spec: { abort: true } })))).toEqual(['release']);
  });

  test('asks the gates of pods under way and of what takes their place, not of the others', () => {
    const pods = [
      podOf(goodClaim),
      podOf(undefined, { uid: 'next', name: 'next' }),
      podOf(goodClaim, { uid: 'going', name: 'going', deletionTimestamp: at(-1) }),
    ];
    const elsewhere: Pod = { ...podOf(undefined, { uid: 'far', name: 'far' }), spec: { nodeName: 'b' } };
    const questions = gatesToAsk(worldOf({ pods: [...pods, elsewhere], active: [entry()] }));
    expect(questions.map(({ uid, gate }) => [uid, gate?.metadata.uid])).toEqual([
      ['pod', 'pod'],
      ['next', 'next'],
    ]);
  });
});

const waiting = { state: { waiting: { reason: 'ImagePullBackOff' } }, restartCount: 0 };
/** A pod that runs; one of which no container ever ran; some that look like it. */
const lives: readonly Pick<Pod, 'spec' | 'status'>[] = [
  { spec: { nodeName: 'a', containers: [{ name: 'agent' }] }, status: { phase: 'Running', podIP: '10.0.0.1' } },
  {
    spec: { nodeName: 'a', containers: [{ name: 'agent' }] },
    status: { phase: 'Pending', containerStatuses: [{ name: 'agent', ...waiting }] },
  },
  { spec: { nodeName: 'a', containers: [{ name: 'agent' }] }, status: { phase: 'Pending' } },
  {
    spec: { nodeName: 'a', containers: [{ name: 'agent' }] },
    status: { phase: 'Pending', containerStatuses: [{ name: 'agent', ...waiting, restartCount: 1 }] },
  },
];

const budgetOf = (disruptionsAllowed: number): PodDisruptionBudget => ({
  metadata: { namespace: 'n', name: 'budget' },
  spec: { selector: {}, minAvailable: 1 },
  status: { disruptionsAllowed, observedGeneration: 1 },
});

describe('in any world', () => {
  const states = fc.constantFrom(...Object.values(State).filter((value): value is State => typeof value === 'number'));
  const policies = fc.constantFrom('Force' as const, 'Wait' as const, 'Abort' as const);
  const maybe = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arb, { nil: undefined });
  const receipts = fc.record({
    restartUid: fc.constantFrom('restart', 'other', ''),
    instance: fc.constantFrom('i1', 'i2', ''),
    digest: fc.constantFrom('d1', 'd2'),
    target: fc.constantFrom(Target.AGENT, Target.HOST),
  });
  const gates: fc.Arbitrary<GateView | undefined> = fc.oneof(
    fc.constant(undefined),
    fc.constant({ kind: 'unreachable' as const, message: 'gone' }),
    fc
      .record({
        state: states,
        restartUid: fc.constantFrom('restart', 'other', ''),
        instance: fc.constantFrom('i1', 'i2'),
        fencing: fc.constantFrom(0, 1, 2),
        leaseMs: fc.constantFrom(0, 29_000, 60_000),
        podUid: fc.constantFrom('pod', 'gateProvider'),
        receipt: maybe(receipts),
      })
      .map(({ state, leaseMs, receipt, ...rest }) =>
        answered(
          statusOf(state, { ...rest, leaseRemaining: msToDuration(leaseMs) }),
          receipt === undefined ? undefined : receiptOf(receipt),
        ),
      ),
  );
  const entries = fc.record({
    step: fc.constantFrom('Cordoned' as const, 'Draining' as const, 'Drained' as const),
    receipt: maybe(
      fc.constantFrom<RecordedReceipt>(
        recorded,
        { ...recorded, digest: 'd2' },
        { withoutReceipt: 'forced' },
        { withoutReceipt: neverRan },
      ),
    ),
  });
  const scenes = fc.record({
    gate: gates,
    active: maybe(entries),
    deadline: fc.constantFrom(at(30), at(-1), at(-20)),
    claimedBy: fc.constantFrom('restart', 'other'),
    watchedMs: fc.constantFrom(0, 30_000, 60_000, 90_000),
    onTimeout: policies,
    onUnreachable: policies,
    paused: fc.boolean(),
    abort: fc.boolean(),
    terminating: fc.boolean(),
    life: fc.constantFrom(...lives),
    gateProvider: fc.constantFrom(undefined, 'pod', 'gateProvider', 'another'),
    budget: fc.constantFrom(undefined, 0, 1),
  });

  test('a pod is deleted only with its receipt on record and given by the same instance of the gate that answers for it, or when it never ran, or under Force after a watched deadline', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const claim = { restart: scene.claimedBy, deadline: scene.deadline, fencing: 1, generation: 1 };
        const bare = podOf(claim, scene.terminating ? { deletionTimestamp: at(-1) } : {});
        const pod: Pod = { ...bare, ...scene.life };
        const active = scene.active === undefined ? [] : [entry(scene.active as Partial<ActivePod>)];
        const { gate, watchedMs, onTimeout, onUnreachable, paused, abort, gateProvider } = scene;
        const gateProviders =
          gateProvider === undefined ? undefined : new Map([['a', podOf(undefined, { uid: gateProvider })]]);
        const snapshot = worldOf({
          pods: [pod],
          gate,
          active,
          watchedMs,
          gateProviders,
          budgets: scene.budget === undefined ? [] : [budgetOf(scene.budget)],
          spec: { paused, abort, drain: { timeoutSeconds: 60, onTimeout, onUnreachable } },
        });
        const kills = nextSteps(snapshot).actions.filter((action) => action.kind === 'delete');
        if (kills.length === 0) return;
        expect(scene.claimedBy).toBe('restart');
        expect(scene.terminating || abort).toBe(false);
        expect(kills.map(({ evict }) => evict)).toEqual([scene.budget !== undefined]);
        const onRecord = active[0]?.receipt;
        expect(onRecord).toBeDefined();
        const given = gate?.kind === 'answered' ? gate : undefined;
        if (onRecord?.withoutReceipt === undefined) {
          expect(given?.receipt).toMatchObject({
            restartUid: 'restart',
            digest: onRecord?.digest,
            target: Target.AGENT,
          });
          expect([given?.status.instance, given?.status.fencing === 2]).toEqual([onRecord?.instance, false]);
          expect(gateProvider ?? 'pod').toBe(given?.status.podUid);
          return;
        }
        if (onRecord.withoutReceipt === neverRan) {
          expect(scene.life).toBe(lives[1]);
          return;
        }
        expect([onTimeout, onUnreachable]).toContain('Force');
        expect(Date.parse(scene.deadline)).toBeLessThanOrEqual(now.getTime());
        expect(watchedMs).toBeGreaterThanOrEqual(60_000);
      }),
      { numRuns: isExhaustive ? 20_000 : 6_000 },
    );
  });

  test('there is always a next step, a time to look again, or a gate to ask, until the restart is over', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const claim = { restart: 'restart', deadline: scene.deadline, fencing: 1, generation: 1 };
        const pod = podOf(claim, scene.terminating ? { deletionTimestamp: at(-1) } : {});
        const active = scene.active === undefined ? [] : [entry(scene.active as Partial<ActivePod>)];
        const { onTimeout, onUnreachable, gate, watchedMs, abort } = scene;
        const spec = { abort, drain: { timeoutSeconds: 60, onTimeout, onUnreachable } };
        const decision = nextSteps(worldOf({ pods: [pod], gate, active, watchedMs, spec }));
        const failed = (decision.status?.failures?.length ?? 0) > 0;
        const over = decision.status?.completionTime !== undefined;
        const goesOn =
          decision.actions.length > 0 || decision.requeueAfterMs !== undefined || decision.askAgain.length > 0;
        expect(goesOn || failed || over || decision.status?.active?.[0]?.receipt !== undefined).toBe(true);
      }),
      { numRuns: isExhaustive ? 5_000 : 1_500 },
    );
  });
});

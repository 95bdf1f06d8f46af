import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { KubeNode, Pod } from '#kube/objects.js';
import type { PanelRestart, PanelRestartSpec } from '../api/panel-restart.js';
import { TargetPods } from '../facts/target-pods.js';
import { OutstandingList } from './outstanding-list.js';
import { outstandingPods, type Selection } from './outstanding-pods.js';

const uids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

const anyPod = (uid: string): fc.Arbitrary<Pod> =>
  fc
    .record({
      isYoung: fc.boolean(),
      status: fc.constantFrom('True' as const, 'False' as const),
      nodeName: fc.constantFrom('n1', 'n2'),
      isGoing: fc.boolean(),
    })
    .map(({ isYoung, status, nodeName, isGoing }) => ({
      metadata: {
        name: uid,
        uid,
        labels: { app: uid < 'd' ? 'x' : 'y' },
        creationTimestamp: isYoung ? '2026-01-01T13:00:00Z' : '2026-01-01T11:00:00Z',
        ...(isGoing ? { deletionTimestamp: '2026-01-01T13:00:00Z' } : {}),
      },
      spec: { nodeName },
      status: { conditions: [{ type: 'Ready', status }] },
    }));

const restartOf = (generation: number, failed: readonly string[], spec: Partial<PanelRestartSpec>): PanelRestart => ({
  metadata: { name: 'r', uid: 'restart', generation, creationTimestamp: '2026-01-01T12:00:00Z' },
  spec: { targetRef: { name: 'd' }, ...spec },
  status: { failures: failed.map((uid) => ({ pod: uid, uid, reason: 'x' })) },
});

interface Step {
  readonly pods: Readonly<Record<string, Pod>>;
  readonly changes: readonly string[];
  readonly isNewSpec: boolean;
  readonly fails: string | undefined;
  readonly zone: string;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    pods: fc.record(Object.fromEntries(uids.map((uid) => [uid, anyPod(uid)]))),
    changes: fc.subarray(uids),
    isNewSpec: fc.boolean(),
    fails: fc.constantFrom(undefined, undefined, ...uids),
    zone: fc.constantFrom('x', 'y'),
  }),
  { minLength: 1, maxLength: 8 },
);

/** What is selected changes with the generation only. */
const specOf = (generation: number, nodeSelector: Record<string, string> | undefined): Partial<PanelRestartSpec> => ({
  ...(generation % 2 === 0 ? { podSelector: { matchLabels: { app: 'x' } } } : {}),
  ...(nodeSelector === undefined ? {} : { nodeSelector }),
});

function isAlwaysAsIfMadeAnew(all: readonly Step[], nodeSelector?: Record<string, string>): void {
  const list = new OutstandingList();
  const pods = new TargetPods();
  let current = new Map<string, Pod>();
  let failed: readonly string[] = [];
  let generation = 1;
  for (const step of all) {
    const before = restartOf(generation, failed, specOf(generation, nodeSelector));
    current = new Map(current);
    // Some come, the others change; every third one that changes goes.
    for (const [index, uid] of step.changes.entries()) {
      if (index % 3 === 2) current.delete(uid);
      else current.set(uid, step.pods[uid]!);
    }
    const nodes = new Map<string, KubeNode>([['n1', { metadata: { name: 'n1', labels: { zone: step.zone } } }]]);
    list.update({ restart: before, nodes }, pods.update([...current.values()]));
    if (step.isNewSpec) generation++;
    if (step.fails !== undefined && !failed.includes(step.fails)) failed = [...failed, step.fails];
    const restart = restartOf(generation, failed, specOf(generation, nodeSelector));
    const selection: Selection = { restart, nodes };
    expect(list.of(selection, pods)).toEqual(outstandingPods(selection, pods.all));
  }
}

describe('a list of pods to restart', () => {
  test('is after any changes what it is when it is made anew', () => {
    fc.assert(fc.property(steps, (all) => isAlwaysAsIfMadeAnew(all)));
  });

  test('goes by the labels of nodes as they are', () => {
    fc.assert(fc.property(steps, (all) => isAlwaysAsIfMadeAnew(all, { zone: 'x' })));
  });

  test('looks at what has changed only', () => {
    const old = (uid: string): Pod => ({ metadata: { name: uid, uid, creationTimestamp: '2026-01-01T11:00:00Z' } });
    const selection: Selection = { restart: restartOf(1, [], {}), nodes: new Map() };
    const pods = new TargetPods([old('b'), old('c')]);
    const list = new OutstandingList();
    const first = list.of(selection, pods);
    list.update(selection, pods.update([...pods.all]));
    expect(list.of(selection, pods)).toBe(first);
    list.update(selection, pods.update([...pods.all, old('a')]));
    expect(list.of(selection, pods).map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
  });
});

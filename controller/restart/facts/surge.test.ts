import { describe, expect, test } from '@jest/globals';

import type { DaemonSet, KubeNode, Pod } from '#kube/objects.js';
import { Target } from '#proto/gate/v1/gate.js';
import { settingsOf, type Settings } from '../api/settings.js';
import { hasNoRoom, isWantedOn, surgeProblem } from './surge.js';

const label = 'panelet.dev/in-daemonset';
const handover = { 'panelet.dev/handover': '1' };
const target: DaemonSet = {
  metadata: { name: 'agent', annotations: { 'panelet.dev/detach-label': label } },
  spec: { selector: { matchLabels: { [label]: 'true' } }, template: { metadata: { annotations: handover } } },
};
const pod: Pod = {
  metadata: { name: 'p', labels: { [label]: 'true' }, annotations: handover },
  spec: { nodeName: 'a', containers: [{ name: 'agent', ports: [{ containerPort: 7443 }] }] },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};
const settings = settingsOf({ metadata: { name: 'r' }, spec: { targetRef: { name: 'agent' } } }, target);

interface Change {
  readonly pod?: Pod;
  readonly target?: DaemonSet;
  readonly settings?: Partial<Settings>;
  readonly hasOwnGate?: boolean;
  readonly canRetire?: boolean;
}

function problemWith(change: Change): string | undefined {
  const { hasOwnGate = true, canRetire = false } = change;
  return surgeProblem({
    target: change.target ?? target,
    pod: change.pod ?? pod,
    settings: { ...settings, ...change.settings },
    hasOwnGate,
    canRetire,
  });
}

const withSpec = (spec: Partial<NonNullable<Pod['spec']>>): Pod => ({ ...pod, spec: { ...pod.spec, ...spec } });
const ported = [{ name: 'agent', ports: [{ containerPort: 7443, hostPort: 7443 }] }];

describe('a pod may have its replacement beside it', () => {
  test('where its DaemonSet says how, and sessions can move', () => {
    expect(problemWith({})).toBeUndefined();
  });

  test.each<[string, Change, string]>([
    ['with maxSurge 0', { settings: { maxSurge: 0 } }, 'maxSurge is 0'],
    ['of a host', { settings: { gateTarget: Target.HOST } }, 'hosts'],
    ['for which another one answers', { hasOwnGate: false }, 'answers for its gate'],
    ['of a DaemonSet that names no label', { target: { ...target, metadata: { name: 'agent' } } }, 'detach-label'],
    [
      'of one that does not select by it',
      { target: { ...target, spec: { ...target.spec, selector: {} } } },
      'detach-label',
    ],
    ['without that label', { pod: { ...pod, metadata: { ...pod.metadata, labels: {} } } }, `no label ${label}`],
    ['that is not ready', { pod: { ...pod, status: {} } }, 'not ready'],
    ['without a format', { pod: { ...pod, metadata: { ...pod.metadata, annotations: {} } } }, 'as none'],
    [
      'whose replacement has another format',
      {
        target: {
          ...target,
          spec: { ...target.spec, template: { metadata: { annotations: { 'panelet.dev/handover': '2' } } } },
        },
      },
      'would as 2',
    ],
    ['with a port of its node', { pod: withSpec({ containers: ported }) }, 'port of its node'],
    ['in the network of its node', { pod: withSpec({ hostNetwork: true }) }, 'port of its node'],
    [
      'that may drive others away',
      { pod: withSpec({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }) },
      'high',
    ],
  ])('but not one %s', (_what, change, problem) => {
    expect(problemWith(change)).toContain(problem);
  });

  test.each<[string, Change]>([
    ['of a class that drives nobody away', { pod: withSpec({ priorityClassName: 'high', preemptionPolicy: 'Never' }) }],
    ['of no class, whatever its policy', { pod: withSpec({ preemptionPolicy: 'PreemptLowerPriority' }) }],
    [
      'of any class, where maxSurge was asked for',
      { pod: withSpec({ priorityClassName: 'high' }), settings: { isSurgeAskedFor: true } },
    ],
  ])('and one %s', (_what, change) => {
    expect(problemWith(change)).toBeUndefined();
  });
});

describe('a replacement', () => {
  const isSo = (type: string, status: 'True' | 'False'): Pod => ({
    metadata: { name: 'n' },
    spec: { nodeName: 'a', containers: [{ name: 'agent' }] },
    status: {
      phase: 'Pending',
      conditions: [{ type, status }],
      containerStatuses: [
        { name: 'agent', restartCount: 0, started: false, state: { waiting: { reason: 'ContainerCreating' } } },
      ],
    },
  });

  test.each<[string, Pod | undefined, boolean]>([
    ['that was not made', undefined, true],
    ['that has no node', isSo('PodScheduled', 'False'), true],
    ['that gets no sandbox', isSo('PodScheduled', 'True'), true],
    ['that has one', isSo('PodReadyToStartContainers', 'True'), false],
    ['that runs', { metadata: { name: 'n' }, status: { phase: 'Running' } }, false],
  ])('%s: no room is %j', (_what, replacement, expected) => {
    expect(hasNoRoom(replacement)).toBe(expected);
  });

  test.each<[string, Partial<KubeNode>, boolean]>([
    ['a node with the label', { metadata: { name: 'a', labels: { gpu: 'yes' } } }, true],
    ['a node without it', {}, false],
    [
      'a node with a taint',
      { metadata: { name: 'a', labels: { gpu: 'yes' } }, spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } },
      false,
    ],
  ])('is wanted on %s: %j', (_what, node, expected) => {
    const wanting = { ...target, spec: { template: { spec: { nodeSelector: { gpu: 'yes' } } } } };
    expect(isWantedOn(wanting, { metadata: { name: 'a' }, ...node })).toBe(expected);
  });
});

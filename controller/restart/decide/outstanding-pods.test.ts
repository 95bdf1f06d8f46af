import { describe, expect, test } from '@jest/globals';

import type { KubeNode, Pod } from '#kube/objects.js';
import { claimAnnotation } from '../api/annotations.js';
import { maxUnavailableOf, outstandingPods, roomFor, type PlanInput } from './outstanding-pods.js';
import { matchesSelector } from '../facts/pods.js';
import { TargetPods } from '../facts/target-pods.js';
import type { PanelRestart, PanelRestartSpec, PanelRestartStatus } from '../api/panel-restart.js';

const created = '2026-01-01T00:00:00Z';

interface PodOptions {
  readonly node?: string;
  readonly ready?: boolean;
  readonly createdAt?: string;
  readonly claimedBy?: string;
  readonly terminating?: boolean;
  readonly labels?: Record<string, string>;
}

function pod(name: string, options: PodOptions = {}): Pod {
  const { node = `node-${name}`, ready = true, createdAt = created, claimedBy, terminating, labels } = options;
  const claim = { restart: claimedBy, deadline: '2026-01-01T00:01:00Z', fencing: 1, generation: 1 };
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: createdAt,
      ...(labels === undefined ? {} : { labels }),
      ...(claimedBy === undefined ? {} : { annotations: { [claimAnnotation]: JSON.stringify(claim) } }),
      ...(terminating === true ? { deletionTimestamp: created } : {}),
    },
    spec: { nodeName: node },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

function input(pods: Pod[], spec: Partial<PanelRestartSpec> = {}, status: PanelRestartStatus = {}): PlanInput {
  const restart: PanelRestart = {
    metadata: { name: 'r', uid: 'restart', creationTimestamp: '2026-01-01T12:00:00Z' },
    spec: { targetRef: { name: 'd' }, ...spec },
    status,
  };
  const nodes = new Map<string, KubeNode>([['node-a', { metadata: { name: 'node-a', labels: { zone: 'x' } } }]]);
  const outstanding = outstandingPods({ restart, nodes }, pods);
  return { restart, nodes, outstanding, pods: new TargetPods(pods) };
}

const names = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name);
const podsToStart = (plan: PlanInput, maxUnavailable: number, underWay: ReadonlySet<string>): Pod[] =>
  plan.outstanding.slice(0, roomFor(plan, maxUnavailable, underWay).count);

describe('the plan', () => {
  test('takes pods that are not ready first, then goes by node', () => {
    const pods = [pod('c'), pod('a'), pod('b', { ready: false })];
    expect(names(input(pods).outstanding)).toEqual(['b', 'a', 'c']);
  });

  test('leaves out what is younger, going, failed, claimed by this restart, or not selected', () => {
    const pods = [
      pod('young', { createdAt: '2026-01-01T12:00:01Z' }),
      pod('same-second', { createdAt: '2026-01-01T12:00:00Z' }),
      pod('going', { terminating: true }),
      pod('failed'),
      pod('mine', { claimedBy: 'restart' }),
      pod('theirs', { claimedBy: 'one that is gone' }),
    ];
    const failures = [{ pod: 'failed', uid: 'failed', reason: 'x' }];
    expect(names(input(pods, {}, { failures }).outstanding)).toEqual(['same-second', 'theirs']);
    const selected = [pod('a', { labels: { app: 'x' } }), pod('b')];
    expect(names(input(selected, { podSelector: { matchLabels: { app: 'x' } } }).outstanding)).toEqual(['a']);
    expect(names(input(selected, { nodeSelector: { zone: 'x' } }).outstanding)).toEqual(['a']);
  });

  test('takes a pod back that was given back', () => {
    const active = [{ pod: 'a', uid: 'a', step: 'Cordoned' as const }];
    expect(names(input([pod('a')], {}, { active }).outstanding)).toEqual(['a']);
  });

  test('counts pods that are away for other reasons, but not the ones it is to restart or has given up', () => {
    const young = { createdAt: '2026-01-01T13:00:00Z' };
    const pods = [pod('a'), pod('b'), pod('c'), pod('away', { ...young, ready: false })];
    expect(names(podsToStart(input(pods), 1, new Set()))).toEqual([]);
    expect(names(podsToStart(input(pods), 2, new Set()))).toEqual(['a']);
    const broken = [pod('a'), pod('b', { ready: false })];
    expect(names(podsToStart(input(broken), 1, new Set()))).toEqual(['b']);
    const failures = [{ pod: 'b', uid: 'b', reason: 'x' }];
    expect(names(podsToStart(input(broken, {}, { failures }), 1, new Set()))).toEqual(['a']);
  });

  test('does not count a replacement that starts twice, once for itself and once for the pod it replaces', () => {
    const active = [{ pod: 'old', uid: 'old', node: 'node-new', step: 'Killed' as const }];
    const pods = [pod('a'), pod('new', { createdAt: '2026-01-01T13:00:00Z', ready: false })];
    expect(names(podsToStart(input(pods, {}, { active }), 2, new Set(['old'])))).toEqual(['a']);
  });

  test.each<[number | string, number, number]>([
    [1, 10, 1],
    [3, 2, 3],
    [99, 100, 50],
    ['25%', 10, 2],
    ['1%', 10, 1],
    ['100%', 1000, 50],
    ['nonsense', 10, 1],
  ])('reads maxUnavailable %s of %i pods as %i', (value, total, expected) => {
    expect(maxUnavailableOf(value, total)).toBe(expected);
  });
});

describe('a label selector', () => {
  test.each<[string, Parameters<typeof matchesSelector>[1], boolean]>([
    ['nothing', undefined, true],
    ['a label', { matchLabels: { app: 'x' } }, true],
    ['another value', { matchLabels: { app: 'y' } }, false],
    ['In', { matchExpressions: [{ key: 'app', operator: 'In', values: ['x', 'y'] }] }, true],
    [
      'NotIn, of a label that is not there',
      { matchExpressions: [{ key: 'no', operator: 'NotIn', values: ['x'] }] },
      true,
    ],
    ['NotIn', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['x'] }] }, false],
    ['Exists', { matchExpressions: [{ key: 'no', operator: 'Exists' }] }, false],
    ['DoesNotExist', { matchExpressions: [{ key: 'no', operator: 'DoesNotExist' }] }, true],
  ])('asks for %s as Kubernetes does', (_what, selector, expected) => {
    expect(matchesSelector({ app: 'x' }, selector)).toBe(expected);
  });
});

import { describe, expect, test } from '@jest/globals';
import type { ContainerTermination, StoredPod, PodCondition, PodStatus } from './pod.js';
import { derivePodStatus, type ContainerView, type PodView } from './pod-status.js';

const now = '2026-01-01T00:00:10Z';
const ended: ContainerTermination = { exitCode: 0, reason: 'Completed', startedAt: null, finishedAt: now };

function container(parts: Partial<ContainerView>): ContainerView {
  return { name: 'agent', image: 'i', state: { running: { startedAt: now } }, restartCount: 0, ready: true, ...parts };
}

function view(containers: ContainerView[], parts: Partial<PodView> = {}): PodView {
  const pod: StoredPod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [] } };
  return { pod, containers, podIp: '127.0.0.2', hostIp: '127.0.0.1', startTime: now, now, ending: false, ...parts };
}

function condition(status: PodStatus, type: string): PodCondition | undefined {
  return status.conditions?.find((candidate) => candidate.type === type);
}

describe('status of a pod', () => {
  test('is Pending until its containers have started', () => {
    const status = derivePodStatus(
      view([container({ state: { waiting: { reason: 'ContainerCreating' } }, ready: false })]),
    );
    expect(status.phase).toBe('Pending');
    expect(condition(status, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [agent]',
    });
  });

  test('is Running and Ready when every container is', () => {
    const status = derivePodStatus(view([container({})]));
    expect(status.phase).toBe('Running');
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(status.podIPs).toEqual([{ ip: '127.0.0.2' }]);
  });

  test('stays Running while a container waits for its restart', () => {
    const state = { waiting: { reason: 'CrashLoopBackOff' } };
    const status = derivePodStatus(view([container({ state, last: ended, restartCount: 1, ready: false })]));
    expect(status.phase).toBe('Running');
    expect(status.containerStatuses?.[0]?.lastState.terminated).toEqual(ended);
  });

  test.each([
    [0, 'Succeeded', 'PodCompleted'],
    [1, 'Failed', 'PodFailed'],
  ])('after its last container ended with %i is %s', (exitCode, phase, reason) => {
    const state = { terminated: { ...ended, exitCode } };
    const status = derivePodStatus(view([container({ state, ready: false })], { ending: true }));
    expect(status.phase).toBe(phase);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason });
  });

  test('keeps the transition time of a condition that did not change', () => {
    const first = derivePodStatus(view([container({})], { now: '2026-01-01T00:00:00Z' }));
    const pod: StoredPod = { ...view([]).pod, status: first };
    const second = derivePodStatus(view([container({})], { pod }));
    expect(condition(second, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    const third = derivePodStatus(view([container({ ready: false })], { pod }));
    expect(condition(third, 'Ready')?.lastTransitionTime).toBe(now);
  });

  test('is not Ready before its readiness gates are, which others write', () => {
    const base = view([]).pod;
    const pod: StoredPod = {
      ...base,
      spec: { containers: [], readinessGates: [{ conditionType: 'panelet.dev/serving' }] },
    };
    expect(condition(derivePodStatus(view([container({})], { pod })), 'Ready')?.reason).toBe('ReadinessGatesNotReady');
    const open: StoredPod = { ...pod, status: { conditions: [{ type: 'panelet.dev/serving', status: 'True' }] } };
    const status = derivePodStatus(view([container({})], { pod: open }));
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(condition(status, 'panelet.dev/serving')?.status).toBe('True');
  });
});

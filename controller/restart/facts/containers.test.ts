import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { ContainerState, ContainerStatus, Pod } from '#kube/objects.js';
import { hasNeverRun, waitingReasonOf } from './containers.js';

const waiting: ContainerState = { waiting: { reason: 'PodInitializing' } };
const fresh = (name: string, rest: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  restartCount: 0,
  started: false,
  state: waiting,
  ...rest,
});

const initContainers = [{ name: 'prepare' }, { name: 'worker-logs', restartPolicy: 'Always' }];
const containers = [{ name: 'agent' }];

function podOf(agent: ContainerStatus | undefined, worker: ContainerStatus | undefined, prepare?: ContainerState): Pod {
  return {
    metadata: { name: 'p' },
    spec: { nodeName: 'a', initContainers, containers },
    status: {
      phase: 'Pending',
      initContainerStatuses: [
        fresh('prepare', { state: prepare ?? waiting }),
        ...(worker === undefined ? [] : [worker]),
      ],
      containerStatuses: agent === undefined ? [] : [agent],
    },
  };
}

describe('a pod of which no container has ever run', () => {
  test('waits with every container and sidecar, whatever its ordinary init containers did', () => {
    expect(hasNeverRun(podOf(fresh('agent'), fresh('worker-logs')))).toBe(true);
    expect(hasNeverRun(podOf(fresh('agent'), fresh('worker-logs'), { terminated: { exitCode: 0 } }))).toBe(true);
    expect(hasNeverRun(podOf(fresh('agent'), fresh('worker-logs'), { running: {} }))).toBe(true);
  });

  test('or is on no node yet', () => {
    const pod = podOf(undefined, undefined);
    expect(hasNeverRun({ ...pod, spec: { containers } })).toBe(true);
  });

  test.each<[string, Pod]>([
    ['a sidecar runs', podOf(fresh('agent'), fresh('worker-logs', { state: { running: {} }, started: true }))],
    ['a sidecar ran', podOf(fresh('agent'), fresh('worker-logs', { lastState: { terminated: { exitCode: 137 } } }))],
    ['the agent ran', podOf(fresh('agent', { state: { terminated: { exitCode: 1 } } }), fresh('worker-logs'))],
    ['the agent was restarted', podOf(fresh('agent', { restartCount: 1 }), fresh('worker-logs'))],
    ['its kubelet does not speak of the agent', podOf(undefined, fresh('worker-logs'))],
    ['its kubelet does not speak of a sidecar', podOf(fresh('agent'), undefined)],
    ['its kubelet says nothing of its state', podOf(fresh('agent', { state: {} }), fresh('worker-logs'))],
  ])('is not one where %s', (_why, pod) => {
    expect(hasNeverRun(pod)).toBe(false);
  });

  test('is none as soon as one container or sidecar shows any sign of life', () => {
    const signs = fc.constantFrom<Partial<ContainerStatus>>(
      { state: { running: {} } },
      { state: { terminated: {} } },
      { lastState: { terminated: {} } },
      { lastState: { running: {} } },
      { restartCount: 3 },
      { started: true },
    );
    const reason = fc.constantFrom('ErrImagePull', 'ContainerCreating', 'CrashLoopBackOff', 'PodInitializing');
    const lifeless = reason.map((text): Partial<ContainerStatus> => ({ state: { waiting: { reason: text } } }));
    const status = fc.oneof(lifeless, signs);
    fc.assert(
      fc.property(status, status, ({ ...agent }, { ...worker }) => {
        const isDead = (one: Partial<ContainerStatus>): boolean =>
          one.state?.waiting !== undefined && Object.keys(one).length === 1;
        const pod = podOf(fresh('agent', agent), fresh('worker-logs', worker));
        expect(hasNeverRun(pod)).toBe(isDead(agent) && isDead(worker));
        expect(hasNeverRun({ ...pod, status: { ...pod.status, phase: 'Running' } })).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('why a pod is waiting', () => {
  test('is the first container that waits for something that does not come by itself', () => {
    const pull = { waiting: { reason: 'ErrImagePull', message: 'not found' } };
    expect(waitingReasonOf(podOf(fresh('agent', { state: pull }), fresh('worker-logs')))).toEqual({
      container: 'agent',
      reason: 'ErrImagePull',
      message: 'not found',
    });
    expect(waitingReasonOf(podOf(fresh('agent'), fresh('worker-logs')))).toBeUndefined();
  });
});

describe('a container that ends again and again', () => {
  const crashing = (terminated: ContainerState['terminated']): Pod =>
    podOf(
      fresh('agent', {
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' } },
        lastState: terminated === undefined ? {} : { terminated },
      }),
      undefined,
    );

  test('has the last line that it wrote', () => {
    const message = '{"level":30}\npanelet-agent: CONFIG_INVALID: The configuration /etc/agent.yaml is wrong\n\n';
    expect(waitingReasonOf(crashing({ exitCode: 2, message }))).toEqual({
      container: 'agent',
      reason: 'CrashLoopBackOff',
      message: 'panelet-agent: CONFIG_INVALID: The configuration /etc/agent.yaml is wrong',
    });
  });

  test.each([undefined, { exitCode: 2 }, { exitCode: 2, message: ' \n' }, { exitCode: 0, message: 'done' }])(
    'has what the kubelet says where it wrote nothing: %j',
    (terminated) => {
      expect(waitingReasonOf(crashing(terminated))?.message).toBe('back-off 5m0s restarting failed container');
    },
  );
});

import { describe, expect, test } from '@jest/globals';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { timestampToMs } from '#common/time/timestamp.js';
import { daemonSets, pods } from '#kube/api.js';
import type { DaemonSet, OwnerReference, Pod } from '#kube/objects.js';
import { Target, type RetireRequest } from '#proto/gate/v1/gate.js';
import { createFakeKube } from '#test/support/controller/fake-kube.js';
import { gateProvidersOf } from '../facts/gate-provider.js';
import { TargetPods } from '../facts/target-pods.js';
import { events } from '../api/events.js';
import type { PanelRestart } from '../api/panel-restart.js';
import { settingsOf } from '../api/settings.js';
import type { ActionContext, ActionResult, ExecutorDeps } from './action-tools.js';
import { createExecutor } from './executor.js';

const namespace = 'n';
const lease: OwnerReference = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'l', uid: 'lease' };
const other: OwnerReference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'somebody', uid: 'somebody' };
const restart: PanelRestart = { metadata: { namespace, name: 'r', uid: 'r' }, spec: { targetRef: { name: 'hosts' } } };
const retirement = { restart: 'r', target: 'hosts' };
const untilMs = Date.parse('2027-01-31T03:00:00Z');

interface Options {
  readonly lease?: OwnerReference;
  /** What the gate, or the API server, answers. */
  readonly refuses?: ErrorCode;
  readonly hasGate?: boolean;
}

function world({ refuses, hasGate = true, ...rest }: Options = { lease }) {
  const kube = createFakeKube(createFakeClock());
  const target = kube.put<DaemonSet>(daemonSets, { metadata: { namespace, name: 'hosts', uid: 'ds' } });
  const pod = kube.put<Pod>(pods, {
    metadata: {
      namespace,
      name: 'old',
      uid: 'old',
      labels: { app: 'host', 'panelet.dev/detached': 'r' },
      annotations: { 'panelet.dev/claim': '{}', mine: 'stays' },
      ownerReferences: [other, { ...lease, uid: 'the lease before', controller: true }],
    },
    spec: { nodeName: 'node-0' },
  });
  const told: RetireRequest[] = [];
  const stopped: string[] = [];
  const said: unknown[] = [];
  const tools = {
    api: refuses === 'API_REFUSED' ? { patch: () => Promise.reject(new PaneletError(refuses, 'no')) } : kube,
    gates: {
      retire: (_address: unknown, request: RetireRequest) => {
        if (refuses !== undefined) return Promise.reject(new PaneletError(refuses, 'no'));
        told.push(request);
        return Promise.resolve();
      },
    },
    streams: { stop: (uid: string) => stopped.push(uid) },
    view: { observe: () => undefined },
    recorder: { record: (...args: unknown[]) => said.push(args) },
    leadership: { fencing: () => 4, lease: () => rest.lease },
    log: createSilentLog(),
    audit: { decided: (...args: unknown[]) => said.push(args[1]) },
  } as unknown as ExecutorDeps;
  const gate: Pod = {
    metadata: { namespace, name: 'agent', uid: 'agent' },
    spec: { nodeName: 'node-0', containers: [{ name: 'agent', ports: [{ name: 'gate', containerPort: 7443 }] }] },
    status: { podIP: '10.0.0.1' },
  };
  const context: ActionContext = {
    restart,
    settings: { ...settingsOf(restart, target), gateTarget: Target.HOST },
    gateProviders: gateProvidersOf(new TargetPods(hasGate ? [gate] : [])),
    isBusy: () => false,
    onNews: () => undefined,
  };
  const executor = createExecutor(tools);
  const now = (): Pod['metadata'] => kube.find(pods, pod.metadata)?.metadata ?? pod.metadata;
  return {
    ...{ kube, pod, told, stopped, said, now },
    retire: (ms = untilMs) =>
      executor.execute(context, {
        kind: 'retire',
        pod,
        retirement,
        untilMs: ms,
        event: events.retired(pod, 'then', 2),
      }),
    tell: (ms: number): Promise<ActionResult> => executor.execute(context, { kind: 'tellRetired', pod, untilMs: ms }),
    adopt: (): Promise<ActionResult> => executor.execute(context, { kind: 'adopt', pod, target }),
  };
}

describe('a pod that retires', () => {
  test('has no claim any more, its label, its end and where it came from, in one write that leaves the rest', async () => {
    const { kube, retire, now, stopped, said } = world();
    expect(await retire()).toEqual({ progress: true });
    expect(kube.writes).toHaveLength(1);
    expect(now().labels).toEqual({ app: 'host', 'panelet.dev/retiring': 'true' });
    expect(now().annotations).toEqual({
      mine: 'stays',
      'panelet.dev/retire-at': '2027-01-31T03:00:00Z',
      'panelet.dev/retirement': JSON.stringify(retirement),
    });
    // Its drain is nobody's to hear any more.
    expect([stopped, said[0]]).toEqual([['old'], 'retired']);
  });

  test('without a limit says never', async () => {
    const { retire, now } = world();
    await retire(Infinity);
    expect(now().annotations?.['panelet.dev/retire-at']).toBe('never');
  });

  test('is left as it is where it has changed meanwhile', async () => {
    const { kube, pod, retire, now, said } = world();
    kube.mutate(pods, pod.metadata, (before) => ({ ...before, status: { phase: 'Failed' } }));
    await expect(retire()).rejects.toMatchObject({ code: 'API_CONFLICT' });
    expect([now().labels?.['panelet.dev/retiring'], said]).toEqual([undefined, []]);
  });
});

describe('its gate', () => {
  test('is told which pod, until when, and by whom', async () => {
    const { tell, told } = world();
    expect(await tell(untilMs)).toEqual({ progress: true });
    await tell(Infinity);
    expect(told).toMatchObject([
      { command: { restartUid: 'r', fencing: 4 }, target: Target.HOST, podUid: 'old' },
      { podUid: 'old', retireAt: undefined },
    ]);
    expect(told[0]?.retireAt && timestampToMs(told[0].retireAt)).toBe(untilMs);
  });

  test.each<[string, Options]>([
    ['refuses', { refuses: 'GATE_REFUSED' }],
    ['knows of no retiring', { refuses: 'VERSION_UNSUPPORTED' }],
    ['is nowhere', { hasGate: false }],
  ])('that %s is told again later, and nothing fails', async (_what, options) => {
    const { tell, told } = world(options);
    expect(await tell(untilMs)).toEqual({ progress: false, retryInMs: 10_000 });
    expect(told).toEqual([]);
  });
});

describe('the owners of a pod that retires', () => {
  test('become its DaemonSet and the lease that are there now; others stay', async () => {
    const { adopt, now } = world();
    expect(await adopt()).toEqual({ progress: false });
    expect(now().ownerReferences).toEqual([
      other,
      expect.objectContaining({ kind: 'DaemonSet', uid: 'ds', controller: false }),
      { ...lease, controller: true },
    ]);
  });

  test('wait for the lease to be known', async () => {
    const { kube, adopt } = world({});
    expect(await adopt()).toEqual({ progress: false, retryInMs: 500 });
    expect(kube.writes).toEqual([]);
  });

  test('stay as they are where they may not be written: it goes with its last session all the same', async () => {
    const { adopt } = world({ lease, refuses: 'API_REFUSED' });
    expect(await adopt()).toEqual({ progress: false });
  });
});

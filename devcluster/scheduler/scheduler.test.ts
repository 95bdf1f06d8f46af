import { beforeEach, afterEach, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';
import { createEventRecorder } from '../store/event-recorder.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import type { Node } from '../launcher/node.js';
import { podCondition, type StoredPod } from '../launcher/pod.js';
import type { StoredObject } from '../store/kube-object.js';
import { createObjectStore } from '../store/memory-object-store.js';
import type { ObjectStore } from '../store/object-store.js';
import { startScheduler } from './scheduler.js';

const deps = { clock: createFakeClock(), random: createSeededRandom(1), log: createSilentLog() };
let store: ObjectStore;
let stop: () => void;

const start = (): (() => void) => {
  const recorder = createEventRecorder({ ...deps, store, component: 'default-scheduler' });
  return startScheduler({ ...deps, store, recorder });
};

/** For a node, as a DaemonSet makes its pods. */
const madeFor = (node: string): Partial<StoredPod['spec']> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
      },
    },
  },
});
const asking = (cpu: string): Partial<StoredPod['spec']> => ({
  containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
});
const podOf = (name: string): StoredPod => store.get<StoredPod>('pods', 'ns', name)!;
const scheduled = (name: string): unknown => podCondition(podOf(name), 'PodScheduled');

async function createPod(name: string, more: Partial<StoredPod['spec']> = {}): Promise<void> {
  const spec = { containers: [{ name: 'c', image: 'i' }], ...more };
  await store.create<StoredPod>('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'ns' }, spec });
}

const events = (): readonly unknown[] =>
  store
    .list<StoredObject & { reason: string; message: string; count: number; involvedObject: { name: string } }>('events')
    .items.map(({ involvedObject, reason, message, count }) => [involvedObject.name, reason, message, count]);

beforeEach(async () => {
  const kinds = builtinKinds.map(({ kind }) => kind).filter(({ group }) => group !== 'events.k8s.io');
  store = createObjectStore({ kinds, ...deps });
  await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  for (const name of ['node-a', 'node-b']) {
    const status = { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } };
    await store.create<Node>('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {}, status });
  }
});

afterEach(() => stop());

const why = '0/2 nodes are available: the dev cluster places no such pods. Name one in spec.nodeName: node-a, node-b.';

test('a pod without a node says why, once, in an event and its condition', async () => {
  await createPod('before');
  stop = start();
  await createPod('later');
  await createPod('placed', { nodeName: 'node-a' });
  await settle();
  stop();
  stop = start();
  await settle();
  const said = ['before', 'later'].map((name) => [name, 'FailedScheduling', why, 1]);
  expect([...events()].sort()).toEqual(said);
  expect(scheduled('later')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: why });
  expect(scheduled('placed')).toBeUndefined();
});

test('a pod of another scheduler is none of its business', async () => {
  stop = start();
  await createPod('theirs', { schedulerName: 'nobody' });
  await settle();
  expect(events()).toEqual([]);
});

test('a pod that is made for a node gets it, which changes nothing that it asked for', async () => {
  await createPod('first', madeFor('node-b'));
  stop = start();
  await createPod('second', madeFor('node-b'));
  await settle();
  for (const name of ['first', 'second']) {
    expect(podOf(name)).toMatchObject({ metadata: { generation: 1 }, spec: { nodeName: 'node-b' } });
  }
  expect(events()).toContainEqual(['second', 'Scheduled', 'Successfully assigned ns/second to node-b', 1]);
});

test('one for which there is no room waits, says why in the words of a cluster, and comes up in the room that becomes free', async () => {
  stop = start();
  await createPod('old', { ...madeFor('node-a'), ...asking('1500m') });
  await createPod('new', { ...madeFor('node-a'), ...asking('1500m') });
  await settle();
  const message =
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. " +
    'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.';
  expect(scheduled('new')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
  expect(podOf('new').spec.nodeName).toBeUndefined();
  expect(events()).toContainEqual(['new', 'FailedScheduling', message, 1]);
  await store.delete('pods', 'ns', 'old', { gracePeriodSeconds: 0 });
  await settle();
  expect(podOf('new').spec.nodeName).toBe('node-a');
});

test.each([
  [
    'memory',
    'Insufficient memory',
    { containers: [{ name: 'c', image: 'i', resources: { limits: { memory: '1025Mi' } } }] },
  ],
  [
    'ports of the host',
    "node(s) didn't have free ports for the requested pod ports",
    { hostNetwork: true, containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
  ],
])('room is also %s', async (_what, reason, more) => {
  stop = start();
  const containers = [{ name: 'c', image: 'i', ports: [{ containerPort: 8080, hostPort: 80 }] }];
  await createPod('old', { ...madeFor('node-a'), containers });
  await createPod('new', { ...madeFor('node-a'), ...more });
  await settle();
  expect(scheduled('new')).toMatchObject({ message: expect.stringContaining(`1 ${reason}`) as unknown });
});

test('a node has room for so many pods, and one that is over takes none', async () => {
  stop = start();
  for (const name of ['p1', 'p2', 'p3', 'p4']) await createPod(name, madeFor('node-a'));
  await settle();
  expect(scheduled('p4')).toMatchObject({ message: expect.stringContaining('1 Too many pods') as unknown });
  const change = (pod: StoredPod): void => {
    pod.status = { phase: 'Succeeded' };
  };
  await store.mutate<StoredPod>('pods', { ns: 'ns', name: 'p1' }, change, { subresource: 'status' });
  await settle();
  expect(podOf('p4').spec.nodeName).toBe('node-a');
});

test('one for a node that is not there waits for the node', async () => {
  stop = start();
  await createPod('early', madeFor('node-c'));
  await settle();
  expect(podOf('early').spec.nodeName).toBeUndefined();
  await store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-c' } });
  await settle();
  expect(podOf('early').spec.nodeName).toBe('node-c');
});

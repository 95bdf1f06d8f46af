import { beforeEach, afterEach, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';
import { createEventRecorder } from '../store/event-recorder.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import { podCondition, type StoredPod } from './pod.js';
import type { StoredObject } from '../store/kube-object.js';
import { createObjectStore } from '../store/memory-object-store.js';
import type { ObjectStore } from '../store/object-store.js';
import { reportUnplacedPods } from './unplaced-pods.js';

const deps = { clock: createFakeClock(), random: createSeededRandom(1), log: createSilentLog() };
let store: ObjectStore;
let stop: () => void;

const start = (): (() => void) => {
  const recorder = createEventRecorder({ ...deps, store, component: 'default-scheduler' });
  return reportUnplacedPods({ ...deps, store, recorder });
};

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
    await store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  }
});

afterEach(() => stop());

const why = '0/2 nodes are available: the dev cluster has no scheduler. Name one in spec.nodeName: node-a, node-b.';

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
  const scheduled = (name: string): unknown => podCondition(store.get<StoredPod>('pods', 'ns', name)!, 'PodScheduled');
  expect(scheduled('later')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: why });
  expect(scheduled('placed')).toBeUndefined();
});

test('a pod of another scheduler is none of its business', async () => {
  stop = start();
  await createPod('theirs', { schedulerName: 'nobody' });
  await settle();
  expect(events()).toEqual([]);
});

import { nodeNameOf } from '#common/daemon-placement.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { waitFor } from '#test/support/wait-for.js';
import { createEventRecorder } from '../store/event-recorder.js';
import { startScheduler } from '../scheduler/scheduler.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import type { StoredPod, PodStatus } from '../launcher/pod.js';
import type { StoredObject } from '../store/kube-object.js';
import { createObjectStore } from '../store/memory-object-store.js';
import type { ObjectStore } from '../store/object-store.js';
import { startGarbageCollector } from '../store/garbage-collector.js';
import { refuseOverQuota } from '../store/pod-quota.js';
import { createDaemonSetController, type DaemonSetController } from './daemon-set-controller.js';
import type { StoredRevision, StoredDaemonSet } from './daemon-set.js';

let seconds = 0;
// Every look at the time is a second later, so that creation times differ as they do in life.
const clock = { ...createSystemClock(), date: () => new Date(1000 * seconds++) };
const random = createSystemRandom();
const log = createSilentLog();
const key = { ns: 'ns', name: 'agent' };

let store: ObjectStore;
let controller: DaemonSetController;
let stopScheduler: () => void;

function until(condition: () => boolean): Promise<void> {
  return waitFor('the cluster is so', condition);
}

function pods(): readonly StoredPod[] {
  return store.list<StoredPod>('pods', { ns: 'ns' }).items;
}

function daemonSet(): StoredDaemonSet {
  return store.get<StoredDaemonSet>('daemonsets', 'ns', 'agent')!;
}

function revisions(): StoredRevision[] {
  const items = store.list<StoredRevision>('controllerrevisions', { ns: 'ns' }).items;
  return [...items].sort((a, b) => a.revision - b.revision);
}

async function setImage(image: string): Promise<void> {
  await store.mutate<StoredDaemonSet>('daemonsets', key, (set) => {
    const [container] = set.spec.template.spec.containers as unknown as { image: string }[];
    container!.image = image;
  });
}

async function report(pod: StoredPod, status: PodStatus): Promise<void> {
  const change = (stored: StoredPod): void => {
    stored.status = { ...stored.status, ...status };
  };
  await store.mutate<StoredPod>('pods', { ns: 'ns', name: pod.metadata.name }, change, { subresource: 'status' });
}

beforeEach(async () => {
  // Events have two names and are stored once.
  const kinds = builtinKinds.map(({ kind }) => kind).filter(({ group }) => group !== 'events.k8s.io');
  store = createObjectStore({ kinds, clock, random, refuse: refuseOverQuota });
  await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  for (const name of ['node-a', 'node-b']) {
    await store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  }
  const set: StoredDaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'ns' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      updateStrategy: { type: 'OnDelete' },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image: 'one', command: ['x'] }] },
      },
    },
  };
  await store.create('daemonsets', set);
  const recorder = createEventRecorder({ store, clock, random, log, component: 'daemonset-controller' });
  controller = createDaemonSetController({ store, recorder, clock, log });
  controller.start();
  stopScheduler = startScheduler({ store, clock, log, recorder: { record: () => undefined } });
  await until(() => pods().length === 2 && daemonSet().status?.currentNumberScheduled === 2);
});

afterEach(async () => {
  await controller.stop();
  stopScheduler();
});

describe('DaemonSet controller', () => {
  test('makes one pod per node, named, labelled and owned like those of a cluster', () => {
    const [pod] = pods();
    expect(pod?.metadata.name).toMatch(/^agent-[a-z0-9]{5}$/);
    expect(pod?.metadata.labels).toEqual({
      app: 'agent',
      'controller-revision-hash': revisions()[0]?.metadata.labels?.['controller-revision-hash'],
      'pod-template-generation': '1',
    });
    expect(pod?.metadata.ownerReferences).toMatchObject([{ kind: 'DaemonSet', name: 'agent', controller: true }]);
    expect(pods().map(nodeNameOf)).toEqual(expect.arrayContaining(['node-a', 'node-b']));
    expect(daemonSet().status).toMatchObject({ desiredNumberScheduled: 2, numberReady: 0, observedGeneration: 1 });
  });

  test('tells SuccessfulCreate', async () => {
    const messages = (): string[] =>
      store
        .list<StoredObject & { reason: string; message: string }>('events', { ns: 'ns' })
        .items.filter((event) => event.reason === 'SuccessfulCreate')
        .map((event) => event.message);
    await until(() => messages().length === 2);
    expect(messages()).toContain(`Created pod: ${pods()[0]?.metadata.name ?? ''}`);
  });

  test('replaces a pod that is gone', async () => {
    const [pod] = pods();
    await store.delete('pods', 'ns', pod!.metadata.name, { gracePeriodSeconds: 0 });
    await until(() => pods().length === 2);
    expect(pods().some((each) => each.metadata.uid === pod?.metadata.uid)).toBe(false);
  });

  test('replaces a pod that has ended while a finalizer still holds its object', async () => {
    const [pod] = pods();
    await store.mutate<StoredPod>('pods', { ns: 'ns', name: pod!.metadata.name }, (stored) => {
      stored.metadata.finalizers = ['panelet.dev/uncordon'];
    });
    await store.delete('pods', 'ns', pod!.metadata.name);
    await report(pod!, { phase: 'Succeeded' });
    await until(() => pods().length === 3);
  });

  test('counts ready, available and updated pods', async () => {
    const since = clock.date().toISOString();
    for (const pod of pods()) {
      await report(pod, {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
      });
    }
    await until(() => daemonSet().status?.numberAvailable === 2);
    expect(daemonSet().status).toMatchObject({ numberReady: 2, updatedNumberScheduled: 2 });
    await setImage('two');
    await until(() => daemonSet().status?.observedGeneration === 2);
    expect(daemonSet().status).not.toHaveProperty('updatedNumberScheduled');
    expect(pods()).toHaveLength(2);
  });

  test('keeps a revision per template and raises the old one on an undo', async () => {
    const first = revisions()[0];
    await setImage('two');
    await until(() => revisions().length === 2);
    await setImage('one');
    await until(() => revisions()[1]?.metadata.uid === first?.metadata.uid);
    expect(revisions().map((revision) => revision.revision)).toEqual([2, 3]);
  });

  test('releases a pod whose label was changed, replaces it, and gives way when it comes back', async () => {
    const [pod] = pods();
    const name = pod!.metadata.name;
    const relabel = (app: string): Promise<StoredPod> =>
      store.mutate<StoredPod>('pods', { ns: 'ns', name }, (stored) => {
        stored.metadata.labels = { ...stored.metadata.labels, app };
      });
    await relabel('detached');
    await until(
      () => pods().length === 3 && store.get<StoredPod>('pods', 'ns', name)?.metadata.ownerReferences?.length !== 1,
    );
    await relabel('agent');
    await until(() => pods().some((each) => each.metadata.deletionTimestamp !== undefined));
    expect(store.get<StoredPod>('pods', 'ns', name)?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('leaves a pod alone that was taken out with another controller, and removes the newer one when it comes back', async () => {
    const [pod] = pods();
    const { name, uid } = pod!.metadata;
    const [own] = pod!.metadata.ownerReferences ?? [];
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'controller', uid: 'lease' };
    const detached = [
      { ...own!, controller: false },
      { ...lease, controller: true },
    ];
    const change = (
      label: string | undefined,
      ownerReferences: NonNullable<typeof pod>['metadata']['ownerReferences'],
    ) =>
      store.mutate<StoredPod>('pods', { ns: 'ns', name }, (stored) => {
        const labels = Object.entries(stored.metadata.labels ?? {}).filter(([key]) => key !== 'app');
        stored.metadata.labels = { ...Object.fromEntries(labels), ...(label === undefined ? {} : { app: label }) };
        stored.metadata.ownerReferences = ownerReferences ?? [];
      });
    await change(undefined, detached);
    await until(() => pods().length === 3 && daemonSet().status?.currentNumberScheduled === 2);
    const newer = pods().find((each) => nodeNameOf(each) === nodeNameOf(pod!) && each.metadata.name !== name)!;
    // A change of the template is none of its business either.
    await setImage('two');
    await until(() => daemonSet().status?.observedGeneration === 2);
    expect(store.get<StoredPod>('pods', 'ns', name)?.metadata).toMatchObject({ uid, ownerReferences: detached });
    await change('agent', [{ ...own!, controller: false }]);
    await until(
      () => store.get<StoredPod>('pods', 'ns', newer.metadata.name)?.metadata.deletionTimestamp !== undefined,
    );
    const back = store.get<StoredPod>('pods', 'ns', name)?.metadata;
    expect(back?.deletionTimestamp).toBeUndefined();
    // Adopted by the reference that it had, not by a second one.
    expect(back?.ownerReferences).toEqual([own]);
  });

  test('takes over the pods of another one that was deleted without them, as its selector cannot be changed', async () => {
    const stopCollector = startGarbageCollector({
      store,
      resources: ['daemonsets', 'pods', 'controllerrevisions'],
      log,
    });
    const before = pods().map(({ metadata }) => metadata.uid);
    const { spec } = daemonSet();
    await store.delete('daemonsets', 'ns', 'agent', { propagationPolicy: 'Orphan' });
    await until(() => pods().every(({ metadata }) => metadata.ownerReferences === undefined));
    for (const pod of pods()) {
      await store.mutate<StoredPod>('pods', { ns: 'ns', name: pod.metadata.name }, (stored) => {
        stored.metadata.labels = { ...stored.metadata.labels, own: 'true' };
      });
    }
    const labels = { app: 'agent', own: 'true' };
    const next: StoredDaemonSet = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'ns' },
      spec: { ...spec, selector: { matchLabels: labels }, template: { ...spec.template, metadata: { labels } } },
    };
    await store.create('daemonsets', next);
    await until(() => daemonSet().status?.currentNumberScheduled === 2);
    stopCollector();
    expect(pods().map(({ metadata }) => metadata.uid)).toEqual(before);
    expect(daemonSet().status).not.toHaveProperty('updatedNumberScheduled');
  });

  test('tells what is refused to it, does the rest, and tries again', async () => {
    await store.create('resourcequotas', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'few', namespace: 'ns' },
      spec: { hard: { pods: '2' } },
    } as StoredObject);
    await store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-c' } });
    const refusals = (): string[] =>
      store
        .list<StoredObject & { reason: string; message: string; involvedObject: { kind: string } }>('events', {
          ns: 'ns',
        })
        .items.filter(({ reason, involvedObject }) => reason === 'FailedCreate' && involvedObject.kind === 'DaemonSet')
        .map(({ message }) => message);
    await until(() => refusals().length > 0);
    expect(refusals()[0]).toMatch(
      /^Error creating: pods "agent-[a-z0-9]{5}" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2$/,
    );
    await until(() => daemonSet().status?.desiredNumberScheduled === 3);
    expect(pods()).toHaveLength(2);
    await store.delete('resourcequotas', 'ns', 'few');
    await until(() => pods().length === 3);
  });

  test('removes the pod of a node that is gone from the selector, and follows new nodes', async () => {
    await store.create('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-c', labels: { fast: 'yes' } },
    });
    await until(() => pods().length === 3);
    await store.mutate<StoredDaemonSet>('daemonsets', key, (set) => {
      set.spec = {
        ...set.spec,
        template: { ...set.spec.template, spec: { ...set.spec.template.spec, nodeSelector: { fast: 'yes' } } },
      };
    });
    await until(() => pods().filter((each) => each.metadata.deletionTimestamp !== undefined).length === 2);
    expect(daemonSet().status).toMatchObject({ desiredNumberScheduled: 1 });
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { waitFor } from '#test/support/wait-for.js';
import { podGraceSeconds } from '../store/deletion.js';
import { valueAt } from '../store/json-copy.js';
import { createObjectStore } from '../store/memory-object-store.js';
import type { ObjectStore } from '../store/object-store.js';
import { defineKind } from '../store/resource-kind.js';
import { createEntryPoints } from './entry-points.js';
import type { Node } from './node.js';
import { createNodeLauncher, type NodeLauncher } from './node-launcher.js';
import { podCondition, type Container, type StoredPod } from './pod.js';
import { createProber } from './probe.js';
import { createProcesses } from './processes.js';
import { isProcessAlive, readGroupedProcess } from './proc-fs.js';

const clock = createSystemClock();
const random = createSystemRandom();
const log = createSilentLog();
const processes = createProcesses({ clock });

const kinds = [
  defineKind({
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    hasStatus: true,
    selectableFields: { 'spec.nodeName': (pod) => String(valueAt(pod, 'spec', 'nodeName')) },
    graceSeconds: podGraceSeconds,
  }),
  defineKind({ group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, hasStatus: true }),
  defineKind({ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }),
  defineKind({ group: '', version: 'v1', kind: 'Event', plural: 'events' }),
  defineKind({ group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' }),
];

let directory = '';
let store: ObjectStore;
let launcher: NodeLauncher;
let events: string[] = [];

function until(condition: () => boolean): Promise<void> {
  return waitFor('the pod is so', condition);
}

function newLauncher(): NodeLauncher {
  return createNodeLauncher({
    store,
    processes,
    prober: createProber({ clock }),
    entryPoints: createEntryPoints({ programs: {}, allowAnyProgram: true }),
    recorder: { record: (_about, note) => void events.push(note.reason) },
    clock,
    random,
    log,
    delays: { firstMs: 20, secondMs: 60_000 },
    nodeName: 'node-a',
    addresses: ['127.0.0.1', '127.0.0.61'],
    directory,
    clusterId: directory,
    baseEnvironment: { PATH: '/usr/bin:/bin' },
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-launcher-'));
  events = [];
  store = createObjectStore({ kinds, clock, random });
  await store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  launcher = newLauncher();
  await launcher.start();
});

afterEach(async () => {
  await launcher.stop(1000);
  rmSync(directory, { recursive: true });
});

async function createPod(script: string, parts: Partial<Container> = {}, grace = 30, name = 'p'): Promise<StoredPod> {
  const pod: StoredPod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns' },
    spec: {
      nodeName: 'node-a',
      terminationGracePeriodSeconds: grace,
      containers: [{ name: 'main', image: 'i', command: ['/bin/sh', '-c', script], ...parts }],
    },
  };
  return store.create('pods', pod);
}

function current(): StoredPod | undefined {
  return store.get<StoredPod>('pods', 'ns', 'p');
}

function pidOf(file: string): number {
  try {
    return Number(readFileSync(join(directory, file), 'utf8'));
  } catch {
    return 0;
  }
}

const isReady = (): boolean => podCondition(current()!, 'Ready')?.status === 'True';

describe('node launcher', () => {
  test('makes its node Ready and keeps a lease', () => {
    const node = store.get<Node>('nodes', undefined, 'node-a');
    expect(node?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(store.get('leases', 'kube-node-lease', 'node-a')).toMatchObject({ spec: { holderIdentity: 'node-a' } });
  });

  test('gives two pods beside each other an address, a log and processes each, and the free one again', async () => {
    const script = 'echo at $WHERE; exec sleep 60';
    const env = [{ name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
    const first = await createPod(script, { env });
    const second = await createPod(script, { env }, 30, 'q');
    const podOf = (name: string): StoredPod | undefined => store.get<StoredPod>('pods', 'ns', name);
    const address = (name: string): string | undefined => podOf(name)?.status?.podIP;
    await until(() => address('p') !== undefined && address('q') !== undefined);
    expect([address('p'), address('q')]).toEqual(['127.0.0.1', '127.0.0.61']);
    expect(podOf('q')?.status?.hostIP).toBe('127.0.0.1');
    const logs = [first, second].map((pod) => launcher.logFile(pod, 'main', false) ?? '');
    await until(() => logs.every((file) => readFileSync(file, 'utf8') !== ''));
    expect(logs.map((file) => readFileSync(file, 'utf8'))).toEqual(['at 127.0.0.1\n', 'at 127.0.0.61\n']);
    const pid = launcher.containerPid(second, 'main');
    await store.delete('pods', 'ns', 'p');
    await until(() => podOf('p') === undefined);
    expect(launcher.containerPid(second, 'main')).toBe(pid);
    await createPod(script, { env }, 30, 'r');
    await until(() => address('r') !== undefined);
    expect([address('q'), address('r')]).toEqual(['127.0.0.61', '127.0.0.1']);
  });

  test('runs a pod with its environment, keeps its log, and reports it Ready', async () => {
    const env = [{ name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
    const pod = await createPod('echo at $WHERE; exec sleep 60', { env });
    await until(isReady);
    expect(current()?.status).toMatchObject({ phase: 'Running', podIP: '127.0.0.1' });
    const file = launcher.logFile(pod, 'main', false) ?? '';
    await until(() => readFileSync(file, 'utf8') === 'at 127.0.0.1\n');
    expect(events).toContain('Started');
  });

  test('is not Ready before the probe succeeds', async () => {
    const server = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await createPod('exec sleep 60', { readinessProbe: { httpGet: { port }, periodSeconds: 1 } });
    await until(() => current()?.status?.phase === 'Running');
    expect(isReady()).toBe(false);
    const later = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => later.listen(port, '127.0.0.1', resolve));
    await until(isReady);
    await new Promise((resolve) => later.close(resolve));
  });

  test('ends a deleted pod with SIGTERM and removes it, having reported how it ended', async () => {
    const seen: string[] = [];
    store.watch<StoredPod>('pods', {}, ({ type, object }) => void seen.push(`${type} ${object.status?.phase ?? ''}`));
    const pod = await createPod(`trap 'exit 0' TERM; echo trapped; while :; do sleep 0.01; done`);
    await until(isReady);
    const file = launcher.logFile(pod, 'main', false) ?? '';
    await until(() => readFileSync(file, 'utf8') === 'trapped\n');
    await store.delete('pods', 'ns', 'p');
    await until(() => current() === undefined);
    expect(seen.slice(-2)).toEqual(['MODIFIED Succeeded', 'DELETED Succeeded']);
    expect(events).toContain('Killing');
  });

  test('keeps the object of an ended pod as long as a finalizer holds it', async () => {
    await createPod('exec sleep 60');
    await until(isReady);
    await store.mutate<StoredPod>('pods', { ns: 'ns', name: 'p' }, (pod) => {
      pod.metadata.finalizers = ['panelet.dev/uncordon'];
    });
    await store.delete('pods', 'ns', 'p');
    await until(() => current()?.status?.phase === 'Failed');
    expect(current()?.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(143);
    await store.mutate<StoredPod>('pods', { ns: 'ns', name: 'p' }, (pod) => {
      pod.metadata.finalizers = [];
    });
    await until(() => current() === undefined);
  });

  test('kills a pod that outstays its grace', async () => {
    await createPod(`trap '' TERM; echo $$$$ > ${directory}/pid; while :; do sleep 0.01; done`, {}, 1);
    await until(() => pidOf('pid') > 0);
    await store.delete('pods', 'ns', 'p');
    await until(() => current() === undefined);
    expect(readGroupedProcess(pidOf('pid'))).toBeUndefined();
  });

  test('ends the process of a pod that was removed by force', async () => {
    await createPod(`echo $$$$ > ${directory}/pid; exec sleep 60`);
    await until(() => pidOf('pid') > 0);
    await store.delete('pods', 'ns', 'p', { gracePeriodSeconds: 0 });
    await until(() => readGroupedProcess(pidOf('pid')) === undefined);
  });

  test('leaves a pod its address when the node comes back, though the first one is free', async () => {
    await createPod('exec sleep 60');
    await createPod('exec sleep 60', {}, 30, 'q');
    const q = (): StoredPod | undefined => store.get<StoredPod>('pods', 'ns', 'q');
    await until(() => q()?.status?.podIP === '127.0.0.61');
    await store.delete('pods', 'ns', 'p', { gracePeriodSeconds: 0 });
    await launcher.powerCut();
    launcher = newLauncher();
    await launcher.start();
    await until(() => q()?.status?.containerStatuses?.[0]?.restartCount === 1);
    expect(q()?.status?.podIP).toBe('127.0.0.61');
  });

  test('restarts a container that crashed, in the same pod', async () => {
    const pod = await createPod(`echo $$$$ > ${directory}/pid; exec sleep 60`);
    await until(() => isReady() && pidOf('pid') > 0);
    process.kill(pidOf('pid'), 'SIGKILL');
    await until(() => current()?.status?.containerStatuses?.[0]?.restartCount === 1 && isReady());
    expect(current()?.metadata.uid).toBe(pod.metadata.uid);
    expect(current()?.status?.containerStatuses?.[0]?.lastState.terminated).toMatchObject({ exitCode: 137, signal: 9 });
  });

  test('a power cut kills the pod and what it left in sessions of its own, and the API is not told', async () => {
    await createPod(`setsid sleep 60 & echo $! > ${directory}/pid; exec sleep 60`);
    await until(() => isReady() && pidOf('pid') > 0);
    const worker = readGroupedProcess(pidOf('pid'));
    await launcher.powerCut();
    await until(() => worker === undefined || !isProcessAlive(worker));
    expect(current()?.status?.phase).toBe('Running');
    const node = store.get<Node>('nodes', undefined, 'node-a');
    expect(node?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'Unknown' }));
  });

  test('a stop ends what pods left in sessions of their own', async () => {
    await createPod(`setsid sleep 60 & exec sleep 60`);
    await until(isReady);
    await launcher.stop(1000);
    expect(processes.find(`PANELET_DEVCLUSTER_NODE=${directory}/node-a`)).toEqual([]);
    expect(current()?.status?.phase).toBe('Running');
  });
});

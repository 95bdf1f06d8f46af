import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import type { StoredDaemonSet } from '#devcluster/daemonset/daemon-set.js';
import type { StoredPod } from '#devcluster/launcher/pod.js';
import { isFlawless, startEchoLoad, type EchoLoad } from '#test/support/echo-load.js';
import { packagedKubectl } from '#test/support/kubectl.js';
import { restartByAnnotation, restartNamespace, type RestartObject } from '#test/support/restarts.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

const root = process.cwd();
const limitMs = 60_000;
const sessionsANode = 3;
const clock = createSystemClock({ keepsAlive: true });
const target = { ns: restartNamespace, name: 'panelet-agent' };

let cluster: TestCluster;
let loads: EchoLoad[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ binDirectory: join(root, 'dist', 'bin'), root });
  await cluster.agentsReady(limitMs);
}, 120_000);

afterAll(async () => {
  const left = await cluster.stop();
  if (left.length > 0) throw new Error(left.join(', '));
}, 60_000);

async function openLoad(nodeName: string, seed: number): Promise<EchoLoad> {
  const session = await cluster.client(nodeName).open({ panel: 'echo' });
  return startEchoLoad({ session, seed, clock, longestPauseMs: 20, largestWriteBytes: 2_048 });
}

beforeEach(async () => {
  for (const { name } of cluster.cluster.nodes) {
    for (let index = 0; index < sessionsANode; index++) loads.push(await openLoad(name, loads.length + 1));
  }
});

afterEach(async () => {
  await Promise.all(loads.map((load) => load.session.terminate().catch(() => undefined)));
  loads = [];
});

const agents = (): StoredPod[] => {
  const options = { ns: restartNamespace, labelSelector: 'panelet.dev/component=agent' };
  return cluster.cluster.store.list<StoredPod>('pods', options).items.filter((pod) => !pod.metadata.deletionTimestamp);
};
const uids = (): (string | undefined)[] =>
  agents()
    .map(({ metadata }) => metadata.uid)
    .sort();
const detached = (): StoredPod[] =>
  agents().filter(({ metadata }) => metadata.labels?.['panelet.dev/detached'] !== undefined);
const restarts = (): readonly RestartObject[] =>
  cluster.cluster.store.list<RestartObject>('panelrestarts', { ns: restartNamespace }).items;
const named = (name: string): RestartObject | undefined => restarts().find(({ metadata }) => metadata.name === name);

async function expectNothingLost(): Promise<void> {
  for (const load of loads) {
    const verdict = await load.finish(limitMs);
    expect({ ...verdict, isFlawless: isFlawless(verdict) }).toMatchObject({ isFlawless: true, errors: [] });
    expect(verdict.sentBytes).toBeGreaterThan(0);
  }
}

async function untilTidy(): Promise<void> {
  await waitFor('one pod a node, in its DaemonSet', () => agents().length === 2 && detached().length === 0, limitMs);
}

describe('a restart that makes before it breaks', () => {
  test('moves sessions under load, live, and loses none of their bytes', async () => {
    const before = uids();
    const steps = new Set<string>();
    const asked = restartByAnnotation(cluster, {
      kubectl: packagedKubectl(),
      value: 'beside',
      reason: 'test',
      annotations: { 'panelet.dev/notice': '1s' },
      limitMs,
    });
    const looking = waitFor(
      'the restart to end',
      () => {
        for (const { status } of restarts()) for (const { step } of status?.active ?? []) steps.add(step);
        return restarts().some(({ status }) => status?.phase === 'Succeeded');
      },
      limitMs,
    );
    const [restart] = await Promise.all([asked, looking]);
    expect(restart.status?.sessions).toMatchObject({ moved: loads.length, checkpointed: 0, forced: 0, lost: 0 });
    expect([...steps]).toContain('Warm');
    await untilTidy();
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    await expectNothingLost();
  }, 180_000);

  test('whose template cannot run has touched no session, and every pod is what it was', async () => {
    const before = uids();
    const { store } = cluster.cluster;
    const edit = (image: string): Promise<unknown> =>
      store.mutate<StoredDaemonSet>('daemonsets', target, (stored) => {
        stored.metadata.annotations = { ...stored.metadata.annotations, 'panelet.dev/warm-timeout': '3s' };
        const { template } = stored.spec;
        const containers = template.spec.containers.map((each) => ({ ...each, image }));
        stored.spec = { ...stored.spec, template: { ...template, spec: { ...template.spec, containers } } };
      });
    const known = new Set(restarts().map(({ metadata }) => metadata.name));
    const rollout = (): RestartObject | undefined => restarts().find(({ metadata }) => !known.has(metadata.name));
    await edit('registry.invalid/panelet:none');
    await waitFor('the rollout to fail', () => rollout()?.status?.phase === 'Failed', limitMs);
    const [failure] = rollout()?.status?.failures ?? [];
    expect(failure).toMatchObject({ reason: 'ReplacementStuck' });
    expect((failure as { message: string }).message).toMatch(/Pull.*nothing was drained/);
    await untilTidy();
    expect(uids()).toEqual(before);
    await expectNothingLost();
    await edit('panelet/panelet:dev');
  }, 180_000);

  test('called off while the replacement serves: what that has goes on at the old pod', async () => {
    const before = uids();
    const { store, nodes } = cluster.cluster;
    await store.create('panelrestarts', {
      apiVersion: 'panelet.dev/v1alpha1',
      kind: 'PanelRestart',
      metadata: { name: 'off', namespace: restartNamespace },
      spec: { targetRef: { name: target.name }, strategy: { minReadySeconds: 600 }, drain: { noticeSeconds: 1 } },
    } as never);
    await waitFor(
      'a replacement beside its pod',
      () => detached().length === 1 && cluster.agentPods().size === 2,
      limitMs,
    );
    const [old] = detached();
    const name = old?.spec.nodeName ?? '';
    await waitFor('it to be Ready', () => cluster.agentPods().get(name)?.metadata.uid !== old?.metadata.uid, limitMs);
    expect(nodes.map((node) => node.name)).toContain(name);
    // The clients of a node go to the pod that counts: the newer one.
    loads.push(await openLoad(name, 100));
    await waitFor('bytes to come back', () => (loads.at(-1)?.receivedBytes() ?? 0) > 0, limitMs);
    await store.mutate('panelrestarts', { ns: restartNamespace, name: 'off' }, (stored) => {
      (stored as { spec?: object }).spec = { ...(stored as { spec?: object }).spec, abort: true };
    });
    await waitFor('the restart to be called off', () => named('off')?.status?.phase === 'Aborted', limitMs);
    await untilTidy();
    expect(uids()).toEqual(before);
    await expectNothingLost();
  }, 180_000);
});

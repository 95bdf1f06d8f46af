import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createPaneletClient } from '#client/sdk.js';
import type { StoredDaemonSet } from '#devcluster/daemonset/daemon-set.js';
import { isTerminal, type StoredPod } from '#devcluster/launcher/pod.js';
import type { StoredObject } from '#devcluster/store/kube-object.js';
import { echoed } from '#test/support/echoed.js';
import { createKubectl, packagedKubectl } from '#test/support/kubectl.js';
import { restartByAnnotation, restartNamespace as ns, type RestartObject } from '#test/support/restarts.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(180_000);

const limitMs = 120_000;
const key = { ns, name: 'panelet-agent' };
let running: TestCluster;

beforeAll(async () => {
  const root = process.cwd();
  running = await startTestCluster({ binDirectory: join(root, 'dist', 'bin'), root, nodes: 1 });
  await running.agentsReady(limitMs);
});

afterAll(async () => {
  const left = await running.stop();
  if (left.length > 0) throw new Error(left.join(', '));
});

const agent = (): StoredPod => running.agentPods().get('node-a')!;
const pods = (): readonly StoredPod[] => running.cluster.store.list<StoredPod>('pods', { ns }).items;
const restart = (value: string): Promise<RestartObject> =>
  restartByAnnotation(running, {
    ...{ kubectl: packagedKubectl(), value, reason: 'a test', limitMs },
    annotations: { 'panelet.dev/warm-timeout': '5s' },
  });

/** How many pods of the agents there are at most until somebody asks, without those that have ended. */
function countPods(): () => number {
  const known = new Set(pods().map(({ metadata }) => metadata.uid));
  let most = known.size;
  const stop = running.cluster.store.watch<StoredPod>('pods', { ns }, ({ type, object }) => {
    if (type === 'DELETED' || isTerminal(object)) known.delete(object.metadata.uid);
    else known.add(object.metadata.uid);
    most = Math.max(most, known.size);
  });
  return () => {
    stop();
    return most;
  };
}

/** Every pod is its DaemonSet's, and nobody has it. */
function expectNothingLeft(): void {
  expect(pods()).toHaveLength(1);
  const { labels, annotations, ownerReferences } = agent().metadata;
  expect(labels).toMatchObject({ 'panelet.dev/in-daemonset': 'true' });
  expect(labels).not.toHaveProperty(['panelet.dev/detached']);
  expect(annotations).not.toHaveProperty(['panelet.dev/claim']);
  expect(ownerReferences).toMatchObject([{ kind: 'DaemonSet', controller: true }]);
}

describe('a restart in the dev cluster', () => {
  test('has the replacement serve before the old pod goes, and sessions move to it', async () => {
    const session = await running.client('node-a').open({ panel: 'echo' });
    for (const value of ['one', 'two']) {
      expect(await echoed(session, 'before')).toBe('before');
      const { uid } = agent().metadata;
      const mostPods = countPods();
      const { status } = await restart(value);
      expect(status?.sessions).toMatchObject({ moved: 1, forced: 0, lost: 0 });
      await waitFor('one pod to be left', () => pods().length === 1, limitMs);
      expect(mostPods()).toBe(2);
      expect(agent().metadata.uid).not.toBe(uid);
      expect(await echoed(session, 'after')).toBe('after');
      expect(session.stats().losses).toBe(0);
      expectNothingLeft();
    }
    await session.terminate();
    // By the address of the node, which no pod has after it.
    const { address, agentAddress } = running.cluster.nodes[0]!;
    expect(agent().status?.podIP).not.toBe(address);
    const client = createPaneletClient({ address: agentAddress, token: running.cluster.token('alice') });
    expect((await client.listPanels()).panels.map(({ name }) => name)).toContain('echo');
    await client.close();
  });

  test('goes on where its node is drained by kubectl meanwhile: the older pod is evicted, the newer one stays, nothing is lost', async () => {
    const session = await running.client('node-a').open({ panel: 'echo' });
    expect(await echoed(session, 'before')).toBe('before');
    const kubectl = createKubectl(packagedKubectl(), running.cluster.kubeconfig);
    try {
      await running.cluster.store.create('panelrestarts', {
        ...{ apiVersion: 'panelet.dev/v1alpha1', kind: 'PanelRestart', metadata: { name: 'drained', namespace: ns } },
        spec: { targetRef: { name: 'panelet-agent' }, strategy: { maxSurge: 1, minReadySeconds: 10 } },
      } as StoredObject);
      const isReady = ({ status }: StoredPod): boolean =>
        status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true;
      const evicted = agent().metadata.uid;
      await waitFor('two pods to be ready', () => pods().filter(isReady).length === 2, limitMs);
      const stays = pods().find(({ metadata }) => metadata.uid !== evicted)?.metadata.uid;
      await kubectl.out('drain node-a --ignore-daemonsets --timeout=60s');
      expect(pods().map(({ metadata }) => metadata.uid)).toEqual([stays]);
      const over = (): RestartObject | undefined =>
        running.cluster.store
          .list<RestartObject>('panelrestarts', { ns })
          .items.find(({ metadata }) => metadata.name === 'drained');
      await waitFor('the restart to be over', () => over()?.status?.phase === 'Succeeded', limitMs);
      expect(over()?.status?.sessions).toMatchObject({ forced: 0, lost: 0 });
      expect(await echoed(session, 'after')).toBe('after');
      expect(session.stats().losses).toBe(0);
      expectNothingLeft();
    } finally {
      await kubectl.run('uncordon node-a');
      await kubectl.close();
      await session.terminate();
    }
  });

  test('lets the old pod go first where a quota has no room for two', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few', namespace: ns } };
    await running.cluster.store.create('resourcequotas', { ...quota, spec: { hard: { pods: '1' } } } as StoredObject);
    try {
      const session = await running.client('node-a').open({ panel: 'echo' });
      const { uid } = agent().metadata;
      const mostPods = countPods();
      await restart('three');
      expect(mostPods()).toBe(1);
      expect(agent().metadata.uid).not.toBe(uid);
      expect(await echoed(session, 'after')).toBe('after');
      expect(session.stats().losses).toBe(0);
      await session.terminate();
      expectNothingLeft();
    } finally {
      await running.cluster.store.delete('resourcequotas', ns, 'few');
    }
  });

  test('lets the old pod go first where the new one waits for it, and no time has to pass for that', async () => {
    const { panelsDirectory } = running.cluster.nodes[0]!;
    const file = join(panelsDirectory, 'own.yaml');
    const program = join(process.cwd(), 'dist', 'bin', 'panelet-worker.js');
    writeFileSync(file, JSON.stringify({ name: 'own', command: [process.execPath, program] }));
    try {
      const session = await running.client('node-a').open({ panel: 'echo' });
      for (const value of ['waits', 'is waited for', 'both']) {
        if (value === 'both') rmSync(file);
        const { uid } = agent().metadata;
        const { status } = await restartByAnnotation(running, {
          ...{ kubectl: packagedKubectl(), value: value.replaceAll(' ', '-'), reason: 'a test', limitMs },
          annotations: { 'panelet.dev/warm-timeout': '10m' },
        });
        expect(status?.sessions).toMatchObject({ moved: 0, checkpointed: 1, forced: 0, lost: 0 });
        expect(agent().metadata.uid).not.toBe(uid);
        expect(await echoed(session, 'after')).toBe('after');
        expect(session.stats().losses).toBe(0);
        expectNothingLeft();
      }
      const { items } = running.cluster.store.list<StoredObject & { note?: string; reason?: string }>('events', { ns });
      expect(JSON.stringify(items.filter(({ reason }) => reason === 'NotBeside'))).toContain('own');
      await session.terminate();
    } finally {
      rmSync(file, { force: true });
    }
  });

  test('drains nothing for an image that cannot be pulled, says so, and puts the pod back', async () => {
    const session = await running.client('node-a').open({ panel: 'echo' });
    const { uid } = agent().metadata;
    await running.cluster.store.mutate<StoredDaemonSet>('daemonsets', key, (set) => {
      const { template } = set.spec;
      const containers = template.spec.containers.map((each) => ({ ...each, image: 'registry.invalid/panelet:2' }));
      set.spec = { ...set.spec, template: { ...template, spec: { ...template.spec, containers } } };
      set.metadata.annotations = { ...set.metadata.annotations, 'panelet.dev/warm-timeout': '2s' };
    });
    let said = '';
    await waitFor(
      'the restart to say what its replacement waits for',
      () => {
        const { items } = running.cluster.store.list<RestartObject>('panelrestarts', { ns });
        const conditions = items.flatMap(({ status }) => status?.conditions ?? []);
        said = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True')?.message ?? '';
        return said !== '';
      },
      limitMs,
    );
    expect(said).toMatch(/ErrImagePull|ImagePullBackOff/);
    await waitFor('the old pod to be alone again', () => pods().length === 1, limitMs);
    expect(agent().metadata.uid).toBe(uid);
    expect(await echoed(session, 'still')).toBe('still');
    expect(session.stats()).toMatchObject({ losses: 0, resumes: 0 });
    expectNothingLeft();
    await session.terminate();
  });
});

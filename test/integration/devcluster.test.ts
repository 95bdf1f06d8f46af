import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isProcessAlive, readGroupedProcess } from '#devcluster/launcher/proc-fs.js';
import { createPaneletClient } from '#client/sdk.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';
import { echoed } from '#test/support/echoed.js';
import { agentPid, signalAgent } from '#test/support/restarts.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { waitFor } from '#test/support/wait-for.js';

const root = process.cwd();
const limitMs = 30_000;
let running: TestCluster;

beforeAll(async () => {
  running = await startTestCluster({
    binDirectory: join(root, 'dist', 'bin'),
    root,
    restartDelays: { firstMs: 50, secondMs: 50 },
    controller: false,
  });
  await running.agentsReady(limitMs);
}, 60_000);

afterAll(async () => {
  const left = await running.stop();
  if (left.length > 0) throw new Error(left.join(', '));
}, 60_000);

function uidOn(node: string): string | undefined {
  return running.agentPods().get(node)?.metadata.uid;
}

describe('dev cluster', () => {
  test('runs one Ready agent per node, each at its own address, and its sessions work', async () => {
    const { cluster } = running;
    expect([...running.agentPods().keys()].sort()).toEqual(['node-a', 'node-b']);
    for (const node of cluster.nodes) {
      expect(running.agentPods().get(node.name)?.status?.podIP).toBe(node.address);
      const session = await running.client(node.name).open({ panel: 'echo' });
      await session.write('hello');
      for await (const item of session) {
        if (item.kind !== 'data') continue;
        expect(Buffer.from(item.payload).toString()).toBe('hello');
        break;
      }
      await session.terminate();
    }
  }, 60_000);

  test('replaces a pod that is deleted, and the old agent is gone before the new one is there', async () => {
    const before = uidOn('node-a');
    const pid = agentPid(running, 'node-a') ?? 0;
    const old = readGroupedProcess(pid);
    const { name } = running.agentPods().get('node-a')!.metadata;
    await running.cluster.store.delete('pods', 'panelet-system', name);
    await waitFor('the replacement', () => uidOn('node-a') !== undefined && uidOn('node-a') !== before, limitMs);
    expect(old === undefined || isProcessAlive(old)).toBe(false);
  }, 60_000);

  test('restarts an agent that was killed, in the same pod', async () => {
    const before = uidOn('node-b');
    await signalAgent(running, 'node-b', 'SIGKILL', limitMs);
    await running.agentsReady(limitMs);
    const pod = running.agentPods().get('node-b');
    expect(pod?.metadata.uid).toBe(before);
    expect(pod?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 137, signal: 9 } },
    });
  }, 60_000);

  test('a pod that is taken out of its DaemonSet serves on beside its replacement, and goes to it with its sessions', async () => {
    const old = running.agentPods().get('node-a')!;
    const { name, uid } = old.metadata;
    const session = await running.client('node-a').open({ panel: 'echo' });
    expect(await echoed(session, 'before')).toBe('before');
    await running.cluster.store.mutate<StoredPod>('pods', { ns: 'panelet-system', name }, (pod) => {
      const labels = Object.entries(pod.metadata.labels ?? {});
      pod.metadata.labels = Object.fromEntries(labels.filter(([key]) => key !== 'panelet.dev/in-daemonset'));
    });
    await waitFor('the replacement', () => uidOn('node-a') !== uid && uidOn('node-a') !== undefined, limitMs);
    const newer = running.agentPods().get('node-a')!;
    const now = running.cluster.store.get<StoredPod>('pods', 'panelet-system', name)!;
    expect([now.metadata.uid, podCondition(now, 'Ready')?.status]).toEqual([uid, 'True']);
    expect(now.metadata.ownerReferences).toBeUndefined();
    expect(newer.status?.podIP).not.toBe(now.status?.podIP);
    expect(await echoed(session, 'between')).toBe('between');
    await running.cluster.store.delete('pods', 'panelet-system', name);
    const isGone = (): boolean => running.cluster.store.get('pods', 'panelet-system', name) === undefined;
    await waitFor('the old pod to be gone', isGone, limitMs);
    expect(await echoed(session, 'after')).toBe('after');
    expect(session.stats().losses).toBe(0);
    expect(uidOn('node-a')).toBe(newer.metadata.uid);
    await session.terminate();
    // The node is still reached by its own address.
    const { agentAddress } = running.cluster.nodes[0]!;
    const away = createPaneletClient({ address: agentAddress, token: running.cluster.token('alice') });
    const another = await away.open({ panel: 'echo' });
    expect(await echoed(another, 'by the address of the node')).toBe('by the address of the node');
    await another.terminate();
    await away.close();
    // One that comes without another beside it has it again.
    await running.cluster.store.delete('pods', 'panelet-system', newer.metadata.name);
    const hasIt = (): boolean => running.agentPods().get('node-a')?.status?.podIP === running.cluster.nodes[0]?.address;
    await waitFor('a pod at the address of the node', hasIt, limitMs);
  }, 60_000);

  test('a power cut ends every process of the node, and leaves the other node alone', async () => {
    const other = agentPid(running, 'node-a');
    await running.cluster.powerCut('node-b');
    await waitFor('every process of node-b to be gone', () => running.processes('node-b').length === 0, limitMs);
    expect(agentPid(running, 'node-a')).toBe(other);
  }, 60_000);
});

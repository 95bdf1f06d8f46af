import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import { isRetiring } from '#controller/restart/api/retirement.js';
import type { Pod } from '#kube/objects.js';
import { waitFor } from '#test/support/wait-for.js';
import { isReady } from './support/cluster-watch.js';
import { installRelease } from './support/install-release.js';
import { isOfCluster, podProcesses } from './support/proc.js';
import { createRestart, patchRestart, restartIn } from './support/restarts.js';
import { openShell, type ShellVerdict } from './support/shell-session.js';
import { openWorld, podUid, restartOver, type World } from './support/world.js';

let world: World;
let nodes: readonly string[];
let first: string;

beforeAll(async () => {
  world = await openWorld();
});
beforeEach(async () => {
  await installRelease(world.env);
  await waitFor('both nodes to have an agent', () => world.nodeNames().length === world.watch.nodes().length, 120_000);
  await world.settled();
  nodes = world.nodeNames();
  [first = ''] = nodes;
});
afterEach(async () => {
  // What a failed test left; else there is nothing any more.
  await world.tryKubectl('delete', 'prs', '--all', '--timeout=60s');
});
afterAll(() => world.close());

const uninstall = (...more: readonly string[]): Promise<string> =>
  world.helm('uninstall', world.env.release, '--wait', '--timeout', '240s', ...more);
const hostsOn = (node: string): readonly Pod[] => world.watch.podsOn('host', node);
const restartAgents = (spec: Omit<PanelRestartSpec, 'targetRef'> = {}) =>
  createRestart(world, { drain: { timeoutSeconds: 120, noticeSeconds: 0 }, ...spec });

/** Whatever in the namespace is of the release, but for what the guide says stays. */
async function leftOver(): Promise<string> {
  const kinds = ['prs', 'pods', 'leases', 'daemonsets', 'deployments', 'jobs', 'secrets', 'configmaps', 'pdb', 'roles'];
  const named = await world.kubectl('get', kinds.join(','), '-o', 'name');
  // The cluster's own.
  return named.replace('configmap/kube-root-ca.crt', '').trim();
}

async function expectNothingLeft(): Promise<void> {
  await waitFor('every pod to be gone', () => world.watch.pods().length === 0, 120_000);
  expect(await leftOver()).toBe('');
  const { ownCluster: own } = world.env;
  if (own === undefined) return;
  // Of this cluster: others may run beside it.
  const left = podProcesses(/panelet-(agent|worker|controller)/).filter((process) => isOfCluster(process, own));
  expect(left).toEqual([]);
}

function expectWhole({ failures, before, after, typed, executed, output }: ShellVerdict): void {
  expect(failures).toEqual([]);
  expect(after).toEqual(before);
  expect(executed).toEqual(typed);
  expect(output).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
}

describe('helm uninstall leaves no restart, no pod and no process behind', () => {
  test('while a pod is drained whose session holds something', async () => {
    const session = await (await world.client(first)).open({ panel: 'echo' });
    await session.send('hold', Buffer.from(JSON.stringify({ ms: 20_000 })));
    await session.flushed();
    const { metadata } = await restartAgents({ strategy: { maxSurge: 0, maxUnavailable: 1 } });
    const steps = (): readonly string[] =>
      (world.watch.restart(metadata.name)?.status?.active ?? []).map((pod) => pod.step);
    await waitFor('a pod to be drained', () => steps().includes('Draining'), 60_000);
    await uninstall();
    await expectNothingLeft();
    await session.detach();
  });

  test('while a pod that is to be replaced serves beside its replacement', async () => {
    const before = nodes.map((node) => podUid(world, 'agent', node));
    await restartAgents({ strategy: { maxSurge: 1, minReadySeconds: 600 } });
    const isDouble = (node: string): boolean => world.watch.podsOn('agent', node).filter(isReady).length === 2;
    await waitFor('two agents of a node to serve', () => nodes.some(isDouble), 120_000);
    await uninstall();
    await expectNothingLeft();
    expect(before).toHaveLength(2);
  });

  test('while a replacement waits for an image that cannot be pulled, which the jobs would wait for, too', async () => {
    const { root, release, values } = world.env;
    const more = ['--values', values, '--set', 'image.tag=does-not-exist'];
    await world.helm('upgrade', release, join(root, 'charts/panelet'), ...more);
    const stalled = (): boolean => world.watch.restarts().some(({ status }) => status?.phase === 'Stalled');
    await waitFor('the rollout to stall', stalled, 120_000);
    await uninstall('--no-hooks');
    // As the guide says.
    for (const { metadata } of world.watch.restarts()) {
      await world.kubectl('patch', 'prs', metadata.name, '--type=merge', '-p', '{"metadata":{"finalizers":[]}}');
    }
    await world.kubectl('delete', 'prs', '--all', '--timeout=60s');
    await expectNothingLeft();
  });

  test('while hosts that were replaced stay for their shells, and a restart is paused: installed again, each shell goes on', async () => {
    const client = await world.client(first, { renewsToken: true });
    const older = await openShell(client);
    const drain = { timeoutSeconds: 60, noticeSeconds: 0 };
    const { metadata } = await createRestart(
      world,
      { nodeSelector: { 'kubernetes.io/hostname': first }, drain },
      'panelet-host',
    );
    expect((await restartOver(world, metadata.name)).status?.phase).toBe('Succeeded');
    const younger = await openShell(client);
    expect(hostsOn(first).filter(isRetiring)).toHaveLength(1);
    const paused = await restartAgents({ strategy: { maxSurge: 1, minReadySeconds: 600 } });
    await restartIn(world, paused.metadata.name, ['Running'], 60_000);
    await patchRestart(world, paused.metadata.name, { paused: true });
    await restartIn(world, paused.metadata.name, ['Paused'], 60_000);

    await world.helm('uninstall', world.env.release, '--timeout', '240s');
    await waitFor('the agents to be gone', () => world.watch.podsOf('agent').size === 0, 120_000);
    await waitFor('the restarts to be gone', () => world.watch.restarts().length === 0, 60_000);
    const left = hostsOn(first).map(({ metadata: { uid } }) => uid);
    expect(left).toHaveLength(2);

    await installRelease(world.env);
    await waitFor('every node to have an agent', () => world.nodeNames().length === nodes.length, 120_000);
    const next = await openShell(await world.client(first));
    expectWhole(await older.finish(120_000));
    expectWhole(await younger.finish(60_000));
    expectWhole(await next.finish(30_000));
    await waitFor(
      'the hosts of before to go with their last shells',
      () => hostsOn(first).every(({ metadata: { uid } }) => !left.includes(uid)),
      60_000,
    );
    await world.settled();
    await uninstall();
    await expectNothingLeft();
    await world.kubectl('delete', 'namespace', world.env.namespace, '--timeout=120s');
  });
});

import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { nodes, pods } from '#kube/api.js';
import type { PanelRestartSpec } from './api/panel-restart.js';

function setUp(options: SimOptions, spec: Partial<PanelRestartSpec> = {}): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster(options);
  sim.request('r1', spec);
  return { sim, driver: createSimDriver(sim) };
}

function setReady(sim: SimCluster, name: string, ready: boolean): void {
  sim.kube.mutate(pods, { namespace: sim.target.namespace, name }, (pod) => ({
    ...pod,
    status: { ...pod.status, conditions: [{ type: 'Ready', status: ready ? ('True' as const) : ('False' as const) }] },
  }));
}

describe('a restart that may not start a pod', () => {
  test('because others are away says which, and goes on when they are back', async () => {
    const { sim, driver } = setUp({ nodes: 3 }, { nodeSelector: { zone: 'z1' } });
    setReady(sim, 'panelet-agent-1', false);
    await driver.until(() => false, 20_000);
    expect(sim.agents.commands).toEqual([]);
    const reconciling = sim.restart('r1').status?.conditions?.find(({ type }) => type === 'Reconciling');
    expect(reconciling).toMatchObject({ status: 'True', reason: 'PodsNotReady' });
    expect(reconciling?.message).toContain('no more than 1 pod may be away, and these are not ready: panelet-agent-1');
    setReady(sim, 'panelet-agent-1', true);
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    const told = driver.events.filter(({ reason }) => reason === 'Started' || reason === 'PodsNotReady');
    expect(told.map(({ reason }) => reason)).toEqual(['Started', 'Started', 'PodsNotReady', 'PodsNotReady']);
  });

  test('because its node is away keeps its place under maxUnavailable, and fails with that reason', async () => {
    const { sim, driver } = setUp({ nodes: 3 }, { drain: { timeoutSeconds: 20 } });
    sim.agentOf(sim.pods()[1]!).reachable = false;
    setReady(sim, 'panelet-agent-2', false);
    sim.kube.mutate(nodes, { name: 'node-1' }, (node) => ({
      ...node,
      status: { conditions: [{ type: 'Ready', status: 'Unknown' as const }] },
    }));
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.restart('r1').status?.failures).toMatchObject([{ pod: 'panelet-agent-2', reason: 'NodeUnreachable' }]);
    expect(sim.deletes().size).toBe(0);
  });
});

describe('the status of a long restart', () => {
  test('says when it will be over, and when it was written last', async () => {
    const { sim, driver } = setUp({ nodes: 10 });
    await driver.until(() => sim.restart('r1').status?.pods?.succeeded === 5);
    const { heartbeatTime = '', expectedCompletionTime = '' } = sim.restart('r1').status ?? {};
    expect(sim.clock.date().getTime() - Date.parse(heartbeatTime)).toBeLessThan(2_000);
    await driver.until(() => isOver(sim, 'r1'));
    const { completionTime = '' } = sim.restart('r1').status ?? {};
    expect(Math.abs(Date.parse(completionTime) - Date.parse(expectedCompletionTime))).toBeLessThan(2_000);
    expect(sim.restart('r1').status?.expectedCompletionTime).toBeUndefined();
  });
});

describe('the writes of a restart', () => {
  const forTheWhole = 6;
  const selector = { matchLabels: { app: 'panelet-agent' } };

  test.each<[string, Partial<SimOptions>, (sim: SimCluster) => void]>([
    ['of agents', {}, (sim) => sim.annotate({ 'panelet.dev/restart': 'a' })],
    ['of hosts', { host: {} }, (sim) => sim.annotate({ 'panelet.dev/restart': 'a' }, 'panelet-host')],
    [
      'of agents under a budget',
      {},
      (sim) => {
        sim.budget({ selector, minAvailable: 9 });
        sim.annotate({ 'panelet.dev/restart': 'a' });
      },
    ],
    [
      'of a changed template',
      {},
      (sim) => {
        sim.annotate({ 'panelet.dev/rollout': 'managed' });
        sim.setTemplate('h2');
      },
    ],
    [
      'of agents that never ran',
      {},
      (sim) => {
        for (const pod of sim.pods()) {
          sim.agentOf(pod).reachable = false;
          sim.kube.mutate(pods, pod.metadata, (before) => ({
            ...before,
            status: {
              phase: 'Pending',
              containerStatuses: [{ name: 'agent', state: { waiting: { reason: 'ErrImagePull' } } }],
            },
          }));
        }
        sim.annotate({ 'panelet.dev/restart': 'a', 'panelet.dev/max-unavailable': '1' });
      },
    ],
  ])('%s are four a pod, and a few for the whole', async (_what, options, ask) => {
    const sim = createSimCluster({ nodes: 10, ...options });
    ask(sim);
    const driver = createSimDriver(sim);
    await driver.until(() => driver.restarts().length === 1, 5_000);
    const { name } = driver.restarts()[0]!.metadata;
    expect(await driver.until(() => isOver(sim, name), 600_000)).toBe(true);
    expect(sim.restart(name).status?.pods?.summary).toBe('10/10');
    expect(sim.kube.writes.length).toBeLessThanOrEqual(10 * 4 + forTheWhole);
  });
});

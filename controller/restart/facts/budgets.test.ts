import { describe, expect, test } from '@jest/globals';

import { State } from '#proto/gate/v1/gate.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { podDisruptionBudgets } from '#kube/api.js';
import type { PodDisruptionBudget } from '#kube/objects.js';
import { budgetsOf, unsupportedBudget } from './budgets.js';

const selector = { matchLabels: { app: 'panelet-agent' } };

function setUp(budget: NonNullable<PodDisruptionBudget['spec']>, nodes = 3): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes });
  sim.budget({ selector, ...budget });
  sim.request('r1', { strategy: { maxUnavailable: 3 } });
  return { sim, driver: createSimDriver(sim) };
}

function changeBudget(sim: SimCluster, minAvailable: number): void {
  sim.kube.mutate(podDisruptionBudgets, { namespace: sim.target.namespace, name: 'budget' }, (budget) => ({
    ...budget,
    spec: { ...budget.spec, minAvailable },
  }));
}

const kills = (sim: SimCluster): string[] =>
  sim.kube.writes
    .filter(({ plural, verb }) => plural === 'pods' && (verb === 'delete' || verb === 'evict'))
    .map(({ verb }) => verb);

describe('pods under a PodDisruptionBudget', () => {
  test('are evicted, no more at once than it allows', async () => {
    const { sim, driver } = setUp({ minAvailable: 2 });
    let away = 0;
    await driver.until(() => {
      const ready = sim.pods().filter(({ status }) => status?.conditions?.[0]?.status === 'True');
      away = Math.max(away, 3 - ready.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length);
      return isOver(sim, 'r1');
    }, 600_000);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', pods: { summary: '3/3' } });
    expect(kills(sim)).toEqual(['evict', 'evict', 'evict']);
    expect(away).toBe(1);
    expect(sim.violations).toEqual([]);
  });

  test('are not even cordoned while it allows no disruption, and the status says so', async () => {
    const { sim, driver } = setUp({ minAvailable: 3 });
    await driver.until(() => false, 120_000);
    expect(sim.agents.commands).toEqual([]);
    const reconciling = sim.restart('r1').status?.conditions?.find(({ type }) => type === 'Reconciling');
    expect(reconciling).toMatchObject({ status: 'True', reason: 'DisruptionBudget' });
    expect(reconciling?.message).toContain('Waits until PodDisruptionBudget budget allows a disruption');
    changeBudget(sim, 2);
    expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
  });

  test('that are drained already keep their receipt while it refuses, for longer than a lease', async () => {
    const { sim, driver } = setUp({ minAvailable: 2 });
    await driver.until(() => [...sim.agents.byAddress.values()].some(({ state }) => state === State.NOTIFIED));
    changeBudget(sim, 3);
    await driver.until(() => sim.restart('r1').status?.active?.[0]?.step === 'Drained');
    await driver.until(() => false, 300_000);
    expect(kills(sim)).toEqual([]);
    expect(sim.restart('r1').status?.active?.[0]?.message).toContain('allows no disruption now');
    const drains = sim.agents.commands.filter(({ name }) => name === 'drain').length;
    changeBudget(sim, 2);
    await driver.until(() => sim.deletes().size === 1, 60_000);
    expect(sim.agents.commands.filter(({ name }) => name === 'drain')).toHaveLength(drains);
    expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });

  test('are evicted again when the budget refused what its status allowed', async () => {
    const { sim, driver } = setUp({ minAvailable: 2 }, 3);
    const { refusesEviction } = sim.kube;
    let refusals = 0;
    sim.kube.refusesEviction = (pod) => ++refusals <= 3 || refusesEviction(pod);
    expect(await driver.until(() => isOver(sim, 'r1'), 900_000)).toBe(true);
    expect(refusals).toBeGreaterThan(3);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
    expect(sim.violations).toEqual([]);
  });

  test.each([
    ['maxUnavailable', { maxUnavailable: 1 }],
    ['minAvailable as a percentage', { minAvailable: '50%' }],
  ])('with %s stall with a word: that never works for a DaemonSet', async (what, spec) => {
    const { sim, driver } = setUp(spec);
    await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 10_000);
    const stalled = sim.restart('r1').status?.conditions?.find(({ type }) => type === 'Stalled');
    expect(stalled).toMatchObject({ status: 'True', reason: 'UnsupportedDisruptionBudget' });
    expect(stalled?.message).toContain(`has ${what}, which never allows an eviction`);
    expect(sim.agents.commands).toEqual([]);
  });

  test('of another set of pods are none of its business', () => {
    const pod = { metadata: { name: 'p', namespace: 'n', labels: { app: 'x' } } };
    const budget = (spec: PodDisruptionBudget['spec'], namespace = 'n'): PodDisruptionBudget => ({
      metadata: { name: 'b', namespace },
      ...(spec === undefined ? {} : { spec }),
    });
    const all = budget({ selector: {} });
    const same = budget({ selector: { matchLabels: { app: 'x' } } });
    const others = [budget({ selector: { matchLabels: { app: 'y' } } }), budget({}), budget({ selector: {} }, 'm')];
    expect(budgetsOf([all, same, ...others], pod)).toEqual([all, same]);
    expect(unsupportedBudget([all, same])).toContain('no eviction gets past');
  });
});

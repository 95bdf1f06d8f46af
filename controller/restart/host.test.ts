import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { State } from '#proto/gate/v1/gate.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { panelRestarts, type PanelRestart, type PanelRestartSpec } from './api/panel-restart.js';
import { uidOf } from './facts/pods.js';

const targetRef = { name: 'panelet-host' };

function setUp(
  options: Partial<SimOptions> = {},
  spec: Partial<PanelRestartSpec> = {},
): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes: 2, host: {}, ...options });
  sim.request('h1', { targetRef, ...spec });
  return { sim, driver: createSimDriver(sim) };
}

const uidsOf = (list: readonly { metadata: { uid?: string } }[]): (string | undefined)[] =>
  list.map(({ metadata }) => metadata.uid).sort();

describe('a host', () => {
  test('is drained by the agent of its node, replaced, and serves again before the next one goes', async () => {
    const { sim, driver } = setUp();
    const [hosts, agents] = [uidsOf(sim.hostPods()), uidsOf(sim.pods())];
    let withoutHost = 0;
    await driver.until(() => {
      const serving = sim.hostPods().filter((pod) => sim.agents.hostOf(uidOf(pod))?.state === State.SERVING);
      withoutHost = Math.max(withoutHost, 2 - serving.length);
      return isOver(sim, 'h1');
    });
    expect(sim.violations).toEqual([]);
    expect(sim.restart('h1').status).toMatchObject({
      phase: 'Succeeded',
      pods: { summary: '2/2' },
      sessions: { kept: 6 },
    });
    expect([...sim.deletes().keys()].sort()).toEqual(hosts);
    expect(uidsOf(sim.pods())).toEqual(agents);
    expect(withoutHost).toBe(1);
    for (const node of ['node-0', 'node-1']) expect(sim.hostOn(node)).toMatchObject({ state: State.SERVING, up: true });
  });

  test('with sessions that cannot be checkpointed is waited for, then left alone: Abort is the default', async () => {
    const { sim, driver } = setUp({ host: { stuck: 2 } }, { drain: { timeoutSeconds: 30 } });
    expect(await driver.until(() => isOver(sim, 'h1'), 300_000)).toBe(true);
    expect(sim.restart('h1').status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'DrainTimeout' }] });
    expect(sim.restart('h1').status?.failures?.[0]?.message).toContain('terminal/s0: pty.write');
    expect(sim.deletes().size).toBe(0);
    expect(sim.hostOn('node-0').state).toBe(State.SERVING);
  });

  test('on a node without an agent is not touched', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { drain: { timeoutSeconds: 30 } });
    sim.agentOf(sim.pods()[0]!).reachable = false;
    expect(await driver.until(() => isOver(sim, 'h1'), 300_000)).toBe(true);
    expect(sim.restart('h1').status?.failures?.[0]?.reason).toBe('AgentUnreachable');
    expect(sim.deletes().size).toBe(0);
  });

  test('whose agent comes back as another instance is asked about anew', async () => {
    const { sim, driver } = setUp({ nodes: 1 });
    await driver.until(() => sim.restart('h1').status?.active?.[0]?.gateState === 'FROZEN', 30_000);
    sim.agentOf(sim.pods()[0]!).crash();
    expect(await driver.until(() => isOver(sim, 'h1'), 300_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });

  test('that is given back is uncordoned through its agent', async () => {
    const { sim, driver } = setUp({ nodes: 1, host: { stuck: 1 } });
    await driver.until(() => sim.hostOn('node-0').state === State.FROZEN);
    sim.kube.mutate(panelRestarts, { namespace: sim.target.namespace, name: 'h1' }, (restart) => ({
      ...restart,
      spec: { ...restart.spec, abort: true },
    }));
    expect(await driver.until(() => isOver(sim, 'h1'), 5_000)).toBe(true);
    expect(sim.hostOn('node-0').state).toBe(State.SERVING);
  });

  test('and the agent of its node are never restarted at once', async () => {
    const { sim, driver } = setUp({ nodes: 3, agent: { stateMs: 1_000 } }, { strategy: { maxUnavailable: 3 } });
    sim.request('a1', { strategy: { maxUnavailable: 3 } });
    expect(await driver.until(() => isOver(sim, 'h1') && isOver(sim, 'a1'), 600_000)).toBe(true);
    expect(sim.violations).toEqual([]);
    expect(sim.restart('h1').status?.phase).toBe('Succeeded');
    expect(sim.restart('a1').status?.phase).toBe('Succeeded');
    expect(sim.deletes().size).toBe(6);
    expect(driver.events.some(({ reason }) => reason === 'NodeBusy')).toBe(true);
  });

  test('waits for the rollout of its agent, which may not know its new template; for one that is over or paused it does not', async () => {
    const { sim, driver } = setUp({ nodes: 3, agent: { stateMs: 1_000 } }, { strategy: { maxUnavailable: 3 } });
    const agents = uidsOf(sim.pods());
    sim.annotate({ 'panelet.dev/rollout': 'managed' });
    sim.setTemplate('h2');
    let early = 0;
    await driver.until(() => {
      const nodesOf = (list: ReturnType<typeof sim.pods>): (string | undefined)[] =>
        list.filter(({ metadata }) => !agents.includes(metadata.uid)).map(({ spec }) => spec?.nodeName);
      const renewed = nodesOf(sim.pods());
      const active = sim.restart('h1').status?.active ?? [];
      early += active.filter(({ node }) => !renewed.includes(node)).length;
      return isOver(sim, 'h1');
    }, 600_000);
    expect(early).toBe(0);
    expect(sim.violations).toEqual([]);
    expect(sim.restart('h1').status).toMatchObject({ phase: 'Succeeded', pods: { summary: '3/3' } });

    const second = setUp({ nodes: 2 });
    second.sim.annotate({ 'panelet.dev/rollout': 'managed' });
    second.sim.setTemplate('h2', 'unpullable');
    const rollout = (): PanelRestart | undefined =>
      second.driver
        .restarts()
        .find(({ metadata }) => metadata.annotations?.['panelet.dev/rollout-revision'] !== undefined);
    await second.driver.until(() => rollout() !== undefined, 10_000);
    second.sim.kube.mutate(panelRestarts, rollout()!.metadata, (restart) => ({
      ...restart,
      spec: { ...restart.spec, paused: true },
    }));
    expect(await second.driver.until(() => isOver(second.sim, 'h1'), 600_000)).toBe(true);
    expect(second.sim.restart('h1').status?.phase).toBe('Succeeded');
  });

  test('is rolled out when the agents of its release all run, and not when theirs failed', async () => {
    const sim = createSimCluster({ nodes: 2, host: {} });
    const driver = createSimDriver(sim);
    for (const name of ['panelet-agent', 'panelet-host']) sim.annotate({ 'panelet.dev/rollout': 'managed' }, name);
    const hosts = uidsOf(sim.hostPods());
    const of = (name: string): PanelRestart | undefined =>
      driver.restarts().findLast(({ spec }) => spec.targetRef.name === name);
    sim.setTemplate('h2', 'unpullable');
    sim.setHostTemplate('h2', 'unpullable');
    await driver.until(() => of('panelet-agent')?.status?.phase === 'Failed', 3_600_000);
    await driver.until(() => false, 3_600_000);
    expect(uidsOf(sim.hostPods())).toEqual(hosts);
    const waiting = of('panelet-host')?.status?.conditions?.find(({ type }) => type === 'Reconciling');
    expect(waiting).toMatchObject({ reason: 'RolloutAhead', message: expect.stringContaining('helm rollback') });
    sim.setTemplate('h3');
    sim.setHostTemplate('h3');
    let together = 0;
    const done = await driver.until(() => {
      const atWork = driver.restarts().filter(({ status }) => (status?.active ?? []).length > 0);
      together = Math.max(together, new Set(atWork.map(({ spec }) => spec.targetRef.name)).size);
      return of('panelet-host')?.status?.phase === 'Succeeded';
    }, 3_600_000);
    expect([done, together, sim.violations]).toEqual([true, 1, []]);
  });

  test('and its agent, killed controllers and crashing agents in between: every pod goes once, after its receipt', async () => {
    const fault = fc.record({
      call: fc.integer({ min: 1, max: 40 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    const crash = fc.record({ afterMs: fc.integer({ min: 900, max: 4_000 }), node: fc.integer({ min: 0, max: 1 }) });
    const scenario = fc.record({
      faults: fc.array(fault, { maxLength: 5 }),
      crashes: fc.array(crash, { maxLength: 4 }),
      lagMs: fc.integer({ min: 0, max: 120 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ faults, crashes, lagMs }) => {
        const sim = createSimCluster({ nodes: 2, host: {} });
        const original = [...uidsOf(sim.pods()), ...uidsOf(sim.hostPods())];
        sim.request('h1', { targetRef });
        sim.request('a1');
        const driver = createSimDriver(sim, [...faults] as FaultPoint[], lagMs);
        for (const { afterMs, node } of crashes) {
          sim.clock.after(afterMs, () => {
            for (const agent of sim.agents.byAddress.values()) if (agent.node === `node-${node}`) agent.crash();
          });
        }
        expect(await driver.until(() => isOver(sim, 'h1') && isOver(sim, 'a1'), 900_000)).toBe(true);
        expect(sim.violations).toEqual([]);
        expect([...sim.deletes()].sort()).toEqual(original.map((uid) => [uid, 1]).sort());
        expect([sim.restart('h1'), sim.restart('a1')].map(({ status }) => status?.phase)).toEqual([
          'Succeeded',
          'Succeeded',
        ]);
        expect(sim.hostOn('node-0').state).toBe(State.SERVING);
      }),
      { numRuns: isExhaustive ? 60 : 15 },
    );
  });
});

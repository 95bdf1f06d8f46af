import { describe, expect, test } from '@jest/globals';

import { findCondition } from '#controller/restart/api/conditions.js';
import { State, Target } from '#proto/gate/v1/gate.js';
import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { daemonSets, nodes, pods, type Resource } from '#kube/api.js';
import type { KubeObject } from '#kube/objects.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from './api/panel-restart.js';

function setUp(options: SimOptions, spec: Partial<PanelRestartSpec> = {}): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster(options);
  sim.request('r1', spec);
  return { sim, driver: createSimDriver(sim) };
}

function changeSpec(sim: SimCluster, name: string, change: Partial<PanelRestartSpec>): void {
  sim.kube.mutate(panelRestarts, { namespace: sim.target.namespace, name }, (restart) => ({
    ...restart,
    spec: { ...restart.spec, ...change },
  }));
}

function stepOf(sim: SimCluster, name = 'r1'): string | undefined {
  return sim.restart(name).status?.active?.[0]?.step;
}

function conditionOf(restart: PanelRestart, type: string): string | undefined {
  const condition = findCondition(restart.status?.conditions, type);
  return condition === undefined ? undefined : `${condition.status} ${condition.reason}`;
}

function claimed(sim: SimCluster): string[] {
  return sim
    .pods()
    .filter((pod) => pod.metadata.annotations?.['panelet.dev/claim'] !== undefined)
    .map((pod) => pod.metadata.name);
}

const first = (sim: SimCluster) => sim.agentOf(sim.pods()[0]!);

describe('a restart', () => {
  test('replaces every pod once, each after its receipt, and adds the sessions up', async () => {
    const { sim, driver } = setUp({ nodes: 3 }, { reason: 'test' });
    const before = sim.pods().map((pod) => pod.metadata.uid);
    expect(await driver.until(() => isOver(sim, 'r1'))).toBe(true);
    const restart = sim.restart('r1');
    expect(sim.violations).toEqual([]);
    expect([...sim.deletes().keys()].sort()).toEqual([...before].sort());
    expect(restart.status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: 3, total: 3, summary: '3/3' } });
    expect(restart.status?.sessions).toMatchObject({ kept: 6, checkpointed: 9, resumed: 9, lost: 0, summary: '15/15' });
    expect(conditionOf(restart, 'Succeeded')).toBe('True Succeeded');
    expect(conditionOf(restart, 'Reconciling')).toBe('False Succeeded');
  });

  test('needs four writes a pod', async () => {
    const { sim, driver } = setUp({ nodes: 10 });
    await driver.until(() => isOver(sim, 'r1'));
    const forTheWhole = 3;
    expect(sim.kube.writes.length).toBeLessThanOrEqual(10 * 4 + forTheWhole);
  });

  test('tells its story in events', async () => {
    const { sim, driver } = setUp({ nodes: 1 });
    await driver.until(() => isOver(sim, 'r1'));
    const story = driver.events.map(({ reason }) => reason);
    expect(story).toEqual([
      'Started',
      'Started',
      'Draining',
      'Drained',
      'Killed',
      'Replaced',
      'Succeeded',
      'Succeeded',
    ]);
  });

  test('never has more pods away than maxUnavailable allows', async () => {
    const { sim, driver } = setUp({ nodes: 6 }, { strategy: { maxUnavailable: 2 } });
    let most = 0;
    await driver.until(() => {
      const ready = sim.pods().filter((pod) => pod.status?.conditions?.[0]?.status === 'True');
      const away = 6 - ready.filter((pod) => sim.agentOf(pod).state === State.SERVING).length;
      most = Math.max(most, away);
      return isOver(sim, 'r1');
    });
    expect(most).toBe(2);
  });

  test('leaves pods that are younger than the request alone', async () => {
    const { sim, driver } = setUp({ nodes: 2 });
    sim.kube.mutate(pods, sim.pods()[0]!.metadata, (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, creationTimestamp: new Date(sim.clock.nowMs() + 3_000).toISOString() },
    }));
    await driver.until(() => isOver(sim, 'r1'));
    expect(sim.deletes().size).toBe(1);
  });

  test('of selected nodes only', async () => {
    const { sim, driver } = setUp({ nodes: 4 }, { nodeSelector: { zone: 'z1' } });
    await driver.until(() => isOver(sim, 'r1'));
    expect(sim.deletes().size).toBe(2);
  });

  test.each([{ podSelector: { matchLabels: { no: 'such' } } }, { nodeSelector: { no: 'such' } }])(
    'that selects nothing does not succeed: it says so, and goes on when a label is there after all: %j',
    async (selector) => {
      const { sim, driver } = setUp({ nodes: 2 }, selector);
      await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 10_000);
      await driver.until(() => false, 60_000);
      const { status } = sim.restart('r1');
      expect(status).toMatchObject({ phase: 'Stalled', pods: { summary: '0/0' } });
      expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True NothingSelected');
      // At the restart and at its target, once.
      expect(driver.events.map(({ reason }) => reason)).toEqual(['NothingSelected', 'NothingSelected']);
      const label = <T extends KubeObject>(resource: Resource<T>): void => {
        const { namespace, name } = sim.kube.all(resource)[0]!.metadata;
        sim.kube.mutate(resource, { ...(namespace !== undefined && { namespace }), name }, (object) => ({
          ...object,
          metadata: { ...object.metadata, labels: { ...object.metadata.labels, no: 'such' } },
        }));
      };
      if ('podSelector' in selector) label(pods);
      else label(nodes);
      expect(await driver.until(() => isOver(sim, 'r1'))).toBe(true);
      expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', pods: { summary: '1/1' } });
    },
  );

  test('that is a dry run says what it would do and does nothing', async () => {
    const { sim, driver } = setUp({ nodes: 2 }, { dryRun: true });
    await driver.until(() => isOver(sim, 'r1'));
    expect(sim.deletes().size).toBe(0);
    expect(driver.events[0]?.text).toContain('would restart 2 pods in this order: panelet-agent-1, panelet-agent-2');
    expect(sim.agents.commands).toEqual([]);
  });

  test('is removed when its time to live is over', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { ttlSecondsAfterFinished: 60 });
    await driver.until(() => isOver(sim, 'r1'));
    const endMs = sim.clock.nowMs();
    await driver.until(() => sim.kube.all(panelRestarts).length === 0);
    expect(sim.clock.nowMs() - endMs).toBeGreaterThanOrEqual(59_000);
    expect(sim.clock.nowMs() - endMs).toBeLessThan(61_000);
  });

  test('waits until its time has come, to the moment', async () => {
    const sim = createSimCluster({ nodes: 1 });
    const dueMs = sim.clock.nowMs() + 3_600_000;
    sim.request('r1', { notBefore: new Date(dueMs).toISOString() });
    const driver = createSimDriver(sim);
    await driver.until(() => sim.restart('r1').status?.phase === 'Scheduled', 1_000);
    await driver.until(() => sim.restart('r1').status?.phase === 'Running', 4_000_000);
    expect(sim.clock.nowMs() - dueMs).toBeLessThan(50);
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
  });

  test('stalls under an unsafe update strategy and goes on when it is safe', async () => {
    const { sim, driver } = setUp({ nodes: 1 });
    const strategy = (type: string): void => {
      sim.kube.mutate(daemonSets, sim.target, (target) => ({ ...target, spec: { updateStrategy: { type } } }));
    };
    strategy('RollingUpdate');
    await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 5_000);
    expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True UnsafeUpdateStrategy');
    strategy('OnDelete');
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    expect(sim.deletes().size).toBe(1);
  });

  test('of a target that does not exist stalls with its name', async () => {
    const { sim, driver } = setUp({ nodes: 1 });
    sim.kube.remove(daemonSets, sim.target);
    await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 5_000);
    expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True TargetNotFound');
  });
});

describe('a restart that is interfered with', () => {
  test('paused starts no further pod and goes on when it is resumed', async () => {
    const { sim, driver } = setUp({ nodes: 3 });
    await driver.until(() => stepOf(sim) === 'Drained');
    changeSpec(sim, 'r1', { paused: true });
    await driver.until(() => sim.restart('r1').status?.pods?.succeeded === 1);
    await driver.until(() => false, 120_000);
    expect(sim.deletes().size).toBe(1);
    expect(sim.restart('r1').status?.phase).toBe('Paused');
    expect(conditionOf(sim.restart('r1'), 'Paused')).toBe('True Paused');
    changeSpec(sim, 'r1', { paused: false });
    expect(await driver.until(() => isOver(sim, 'r1'))).toBe(true);
    expect(sim.deletes().size).toBe(3);
  });

  test('aborted uncordons what it cordoned and nothing else', async () => {
    const { sim, driver } = setUp({ nodes: 2, agent: { stuck: 1 } });
    const foreign = sim.agentOf(sim.pods()[1]!);
    await sim.agents.cordon(
      { host: sim.pods()[1]?.status?.podIP ?? '', port: 7443 },
      {
        command: { restartUid: 'other', fencing: 1, generation: 1 },
        lease: undefined,
        reason: '',
        target: Target.AGENT,
      },
    );
    await driver.until(() => first(sim).state === State.FROZEN);
    changeSpec(sim, 'r1', { abort: true });
    expect(await driver.until(() => isOver(sim, 'r1'), 5_000)).toBe(true);
    expect(sim.restart('r1').status?.phase).toBe('Aborted');
    expect(first(sim).state).toBe(State.SERVING);
    expect(foreign.state).toBe(State.CORDONED);
    expect(claimed(sim)).toEqual([]);
    expect(sim.deletes().size).toBe(0);
  });

  test('deleted uncordons through its finalizer', async () => {
    const { sim, driver } = setUp({ nodes: 2, agent: { stuck: 1 } });
    await driver.until(() => first(sim).state === State.FROZEN);
    const { metadata } = sim.restart('r1');
    await sim.kube.delete(panelRestarts, metadata, { uid: metadata.uid ?? '' });
    await driver.until(() => sim.kube.all(panelRestarts).length === 0, 5_000);
    expect(sim.kube.all(panelRestarts)).toEqual([]);
    expect(first(sim).state).toBe(State.SERVING);
    expect(claimed(sim)).toEqual([]);
  });

  test('queues behind another of the same target, oldest first', async () => {
    const { sim, driver } = setUp({ nodes: 2 });
    sim.clock.advance(2_000);
    sim.request('r2');
    await driver.until(() => sim.restart('r2').status?.phase === 'Waiting', 5_000);
    expect(conditionOf(sim.restart('r2'), 'Reconciling')).toBe('True Waiting');
    await driver.until(() => isOver(sim, 'r1'));
    expect(sim.restart('r2').status?.startTime === undefined || sim.restart('r2').status?.pods?.succeeded === 0).toBe(
      true,
    );
    expect(await driver.until(() => isOver(sim, 'r2'))).toBe(true);
    expect(sim.violations).toEqual([]);
  });

  test('is superseded by a newer annotation and gives back what it holds', async () => {
    const sim = createSimCluster({ nodes: 3 });
    const driver = createSimDriver(sim);
    sim.annotate({ 'panelet.dev/restart': 'a' });
    await driver.until(() => sim.deletes().size === 1);
    sim.annotate({ 'panelet.dev/restart': 'b' });
    await driver.until(() => driver.restarts().length === 2);
    const [a, b] = driver.restarts().map(({ metadata }) => metadata.name);
    expect(await driver.until(() => isOver(sim, b!))).toBe(true);
    expect(sim.restart(a!).status?.phase).toBe('Superseded');
    expect(sim.restart(b!).status?.phase).toBe('Succeeded');
    expect(sim.violations).toEqual([]);
    expect(claimed(sim)).toEqual([]);
  });

  test('notices a pod that somebody else deleted and verifies its replacement', async () => {
    const { sim, driver } = setUp({ nodes: 2, agent: { stuck: 1 } }, { drain: { timeoutSeconds: 600 } });
    await driver.until(() => stepOf(sim) === 'Draining', 30_000);
    const pod = sim.pods()[0]!;
    sim.kube.mutate(pods, pod.metadata, (object) => ({
      ...object,
      metadata: { ...object.metadata, deletionTimestamp: sim.clock.date().toISOString() },
    }));
    await driver.until(() => stepOf(sim) === 'Killed', 1_000);
    sim.kube.onDelete(pods, pod);
    sim.violations.length = 0;
    await driver.until(() => sim.restart('r1').status?.pods?.succeeded === 1, 60_000);
    expect(driver.events.map(({ reason }) => reason)).toContain('KilledByOther');
    expect(sim.restart('r1').status?.sessions?.lost).toBe(6);
  });
});

describe('a drain that does not end', () => {
  const stuck = { nodes: 2, agent: { stuck: 1 } };
  const drain = { timeoutSeconds: 30 };

  test('is called off under Abort, with the holders named, and the restart stops', async () => {
    const { sim, driver } = setUp(stuck, { drain });
    expect(await driver.until(() => isOver(sim, 'r1'), 120_000)).toBe(true);
    const { status } = sim.restart('r1');
    expect(status).toMatchObject({ phase: 'Failed', pods: { failed: 1, pending: 1 } });
    expect(status?.failures?.[0]).toMatchObject({ pod: 'panelet-agent-1', reason: 'DrainTimeout' });
    expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True DrainTimeout');
    expect(first(sim).state).toBe(State.SERVING);
    expect(sim.deletes().size).toBe(0);
  });

  test('goes on to the next pod as long as the threshold allows', async () => {
    const { sim, driver } = setUp(stuck, { drain, failurePolicy: { maxFailedPods: 1 } });
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.restart('r1').status?.failures).toHaveLength(2);
    expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True TooManyFailedPods');
  });

  test('ends under Force with a receipt that counts who was forced', async () => {
    const { sim, driver } = setUp(stuck, { drain: { ...drain, onTimeout: 'Force' } });
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.violations).toEqual([]);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', sessions: { forced: 2 } });
    const deleted = driver.events
      .filter(({ reason }) => reason === 'Killed')
      .map(({ type, text }) => `${type} ${text}`);
    expect(deleted).toContainEqual(
      expect.stringMatching(/^Warning Deleted pod .*: 1 session ended by force, the others are safe/),
    );
  });

  test('stops the restart once more sessions were forced than may be', async () => {
    const { sim, driver } = setUp(
      { nodes: 3, agent: { stuck: 1 } },
      {
        drain: { ...drain, onTimeout: 'Force' },
        failurePolicy: { maxForcedSessions: 1 },
      },
    );
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(conditionOf(sim.restart('r1'), 'Stalled')).toBe('True TooManyForcedSessions');
    expect(sim.deletes().size).toBe(2);
    // The pod whose sessions were too many is finished: what has ended is counted.
    expect(sim.restart('r1').status).toMatchObject({ sessions: { forced: 2 }, pods: { succeeded: 2 } });
    expect(sim.violations).toEqual([]);
  });

  test('waits under Wait until the longest time is over', async () => {
    const { sim, driver } = setUp(stuck, { drain: { ...drain, onTimeout: 'Wait', maxTimeoutSeconds: 300 } });
    const startMs = sim.clock.nowMs();
    expect(await driver.until(() => isOver(sim, 'r1'), 900_000)).toBe(true);
    expect(sim.clock.nowMs() - startMs).toBeGreaterThanOrEqual(300_000);
    expect(sim.restart('r1').status?.failures?.[0]?.reason).toBe('DrainTimeout');
  });

  test('that Wait waits for ends when its sessions do', async () => {
    const { sim, driver } = setUp(stuck, { drain: { ...drain, onTimeout: 'Wait' } });
    await driver.until(() => false, 200_000);
    expect(first(sim).state).toBe(State.FROZEN);
    for (const agent of sim.agents.byAddress.values()) agent.options.stuck = 0;
    for (const agent of sim.agents.byAddress.values()) agent.nudge();
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });
});

describe('an agent that does not answer', () => {
  const drain = { timeoutSeconds: 30 };

  test('is never taken for drained: the pod fails with its own reason, the restart stops', async () => {
    const { sim, driver } = setUp({ nodes: 2 }, { drain });
    first(sim).reachable = false;
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.restart('r1').status?.failures?.[0]?.reason).toBe('AgentUnreachable');
    expect(sim.deletes().size).toBe(0);
  });

  test('after its receipt is not killed either, until it answers again', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { drain });
    const agent = first(sim);
    await driver.until(() => agent.state === State.RELEASED);
    agent.reachable = false;
    await driver.until(() => false, 5_000);
    expect(sim.deletes().size).toBe(0);
    agent.reachable = true;
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });

  test('is killed under Force only after a deadline this leader watched in full', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { drain: { ...drain, onUnreachable: 'Force' } });
    first(sim).reachable = false;
    await driver.until(() => claimed(sim).length === 1);
    await driver.until(() => false, 25_000);
    const changeMs = sim.clock.nowMs();
    driver.replace();
    expect(await driver.until(() => sim.deletes().size === 1, 300_000)).toBe(true);
    expect(sim.clock.nowMs() - changeMs).toBeGreaterThanOrEqual(30_000);
    expect(sim.violations).toEqual([]);
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
  });

  test('on a node that is down is not deleted even under Force', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { drain: { ...drain, onUnreachable: 'Force' } });
    first(sim).reachable = false;
    sim.kube.mutate(nodes, { name: 'node-0' }, (node) => ({
      ...node,
      status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
    }));
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.restart('r1').status?.failures?.[0]?.reason).toBe('NodeUnreachable');
    expect(sim.deletes().size).toBe(0);
  });

  test('and keeps crashing is told from one that is only away', async () => {
    const { sim, driver } = setUp({ nodes: 1 }, { drain });
    first(sim).reachable = false;
    sim.kube.mutate(pods, sim.pods()[0]!.metadata, (pod) => ({
      ...pod,
      status: {
        ...pod.status,
        containerStatuses: [{ name: 'agent', state: { waiting: { reason: 'CrashLoopBackOff' } } }],
      },
    }));
    expect(await driver.until(() => isOver(sim, 'r1'), 300_000)).toBe(true);
    expect(sim.restart('r1').status?.failures?.[0]?.reason).toBe('AgentCrashLooping');
  });

  test('and comes back as another instance is drained anew: its old receipt is void', async () => {
    const rehearsal = setUp({ nodes: 1 });
    await rehearsal.driver.until(() => isOver(rehearsal.sim, 'r1'));
    const { sim, driver } = setUp({ nodes: 1 });
    const call = rehearsal.driver.calls.indexOf('delete') + 1;
    driver.faults.push({ call, when: 'before' });
    driver.replace();
    await driver.until(() => stepOf(sim) === 'Drained' && driver.lives() === 3);
    first(sim).crash();
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    expect(sim.agents.commands.filter(({ name }) => name === 'drain')).toHaveLength(2);
    expect(sim.violations).toEqual([]);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
  });

  test('that knows a higher fencing number makes this leader raise its own', async () => {
    const { sim, driver } = setUp({ nodes: 1 });
    first(sim).fencing = 41;
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    expect(sim.violations).toEqual([]);
  });
});

describe('a replacement', () => {
  test('that is never ready fails its pod and stops the restart', async () => {
    const { sim, driver } = setUp({ nodes: 3 }, { replacementTimeoutSeconds: 60, failurePolicy: { maxFailedPods: 9 } });
    sim.broken.add('node-0');
    expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'ReplacementNotReady' }] });
    expect(sim.deletes().size).toBe(1);
  });

  test('need not restore what has moved', async () => {
    const { sim, driver } = setUp({ nodes: 2, agent: { checkpointable: 1, moved: 4 } });
    expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
    const { status } = sim.restart('r1');
    expect(status).toMatchObject({ phase: 'Succeeded' });
    expect(status?.sessions).toMatchObject({ moved: 8, checkpointed: 2, resumed: 2, lost: 0, summary: '14/14' });
    expect(sim.violations).toEqual([]);
  });

  test('that lacks sessions is not taken for good', async () => {
    const { sim, driver } = setUp({ nodes: 2 }, { replacementTimeoutSeconds: 60 });
    await driver.until(() => sim.deletes().size === 1);
    await driver.until(() => stepOf(sim) === 'Replaced' || sim.pods()[1]?.status?.conditions !== undefined, 150);
    await driver.until(() => {
      for (const agent of sim.agents.byAddress.values()) agent.options.restored = 0;
      return isOver(sim, 'r1');
    }, 600_000);
    const { status } = sim.restart('r1');
    expect(status).toMatchObject({ phase: 'Failed', failures: [{ reason: 'SessionsNotRestored' }] });
    expect(status?.sessions).toMatchObject({ lost: 3 });
  });

  test('has to be ready for as long as minReadySeconds says before the next pod goes', async () => {
    const { sim, driver } = setUp({ nodes: 2 }, { strategy: { minReadySeconds: 20 } });
    await driver.until(() => sim.deletes().size === 1);
    const firstMs = sim.clock.nowMs();
    await driver.until(() => sim.deletes().size === 2);
    expect(sim.clock.nowMs() - firstMs).toBeGreaterThanOrEqual(20_000);
    expect(await driver.until(() => isOver(sim, 'r1'))).toBe(true);
  });
});

import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver } from '#test/support/controller/sim-controller.js';

import type { PanelRestartSpec } from '../api/panel-restart.js';

const host = { targetRef: { name: 'panelet-host' } };

async function dryRun(
  options: SimOptions,
  spec: Partial<PanelRestartSpec> = {},
  prepare: (sim: SimCluster) => void = () => undefined,
): Promise<{ sim: SimCluster; text: string }> {
  const sim = createSimCluster(options);
  prepare(sim);
  sim.request('r1', { dryRun: true, ...spec });
  const driver = createSimDriver(sim);
  expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
  expect(sim.deletes().size).toBe(0);
  expect(sim.agents.commands).toEqual([]);
  const { status } = sim.restart('r1');
  expect(status?.phase).toBe('Succeeded');
  return { sim, text: status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? '' };
}

describe('a dry run', () => {
  test('of agents says in which order, and that their sessions would be checkpointed and those of hosts kept', async () => {
    const { sim, text } = await dryRun({ nodes: 2, host: { stuck: 1 } });
    expect(text).toBe(
      'Dry run: would restart 2 pods in this order: panelet-agent-1, panelet-agent-2; 8 sessions kept, 6 checkpointed.',
    );
    expect(sim.restart('r1').status?.sessions).toMatchObject({ kept: 8, checkpointed: 6, forced: 0 });
  });

  test.each([
    ['Abort', 'they are waited for, and after 60 s the drain is called off'],
    ['Wait', 'they are waited for until they do'],
    ['Force', 'those that last longer than 60 s are ended'],
  ] as const)('of a host says which sessions would end under %s', async (onTimeout, how) => {
    const options = { nodes: 1, host: { kept: 0, stuck: 3 } };
    const { sim, text } = await dryRun(options, { ...host, drain: { onTimeout } });
    expect(text).toBe(
      `Dry run: would restart panelet-host-2; 3 sessions kept, 0 checkpointed; 3 terminal sessions would end: ${how}.`,
    );
    expect(sim.restart('r1').status?.sessions).toMatchObject({ kept: 3, forced: 3 });
  });

  test('names gates that did not answer', async () => {
    const { text } = await dryRun({ nodes: 2 }, {}, (sim) => {
      sim.agentOf(sim.pods()[0]!).reachable = false;
    });
    expect(text).toContain('0 sessions kept, 3 checkpointed. 1 gate did not answer: panelet-agent-1.');
  });

  test('does not wait for a restart that is under way, and nobody waits for it', async () => {
    const sim = createSimCluster({ nodes: 2, agent: { stuck: 1 } });
    sim.request('r1');
    const driver = createSimDriver(sim);
    await driver.until(() => false, 5_000);
    sim.request('r2', { dryRun: true });
    expect(await driver.until(() => isOver(sim, 'r2'), 5_000)).toBe(true);
    expect(isOver(sim, 'r1')).toBe(false);
  });

  test('of nothing says so', async () => {
    const { text } = await dryRun({ nodes: 1 }, { podSelector: { matchLabels: { no: 'such' } } });
    expect(text).toBe('Dry run: would restart no pod.');
  });
});

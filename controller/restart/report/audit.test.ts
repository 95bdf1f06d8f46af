import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import type { PanelRestartSpec } from '../api/panel-restart.js';

const decisions = (driver: SimDriver): unknown[] => driver.audit.map(({ decision }) => decision);

async function run(options: SimOptions, spec: Partial<PanelRestartSpec> = {}): Promise<SimDriver> {
  const sim = createSimCluster(options);
  sim.request('r1', spec);
  const driver = createSimDriver(sim);
  await driver.until(() => isOver(sim, 'r1'), 600_000);
  return driver;
}

describe('the audit log', () => {
  test('has a line for every decision: who asked, why, and with which receipt a pod was killed', async () => {
    const sim = createSimCluster({ nodes: 1 });
    sim.annotate({
      'panelet.dev/restart': 'a',
      'panelet.dev/restart-reason': 'new authority',
      'panelet.dev/requested-by': 'alice',
    });
    const driver = createSimDriver(sim);
    await driver.until(() => driver.restarts().length === 1, 5_000);
    const { name } = driver.restarts()[0]!.metadata;
    await driver.until(() => isOver(sim, name), 60_000);
    expect(decisions(driver)).toEqual(['requested', 'started', 'claimed', 'killed', 'succeeded']);
    for (const line of driver.audit) {
      expect(line).toMatchObject({ requestedBy: 'alice', reason: 'new authority', target: 'panelet-agent' });
    }
    expect(driver.audit[3]).toMatchObject({
      pod: 'panelet-agent-1',
      receipt: { instance: 'instance-1', checkpointed: 3, forced: 0 },
      evicted: false,
    });
  });

  test('says that sessions were forced, and what a restart came to', async () => {
    const forced = await run({ nodes: 1, agent: { stuck: 1 } }, { drain: { timeoutSeconds: 20, onTimeout: 'Force' } });
    expect(decisions(forced)).toEqual(['started', 'claimed', 'forced', 'killed', 'succeeded']);
    const called = await run({ nodes: 1, agent: { stuck: 1 } }, { drain: { timeoutSeconds: 20 } });
    expect(decisions(called)).toEqual(['started', 'claimed', 'released', 'failed']);
  });

  test('says once why a request was refused', async () => {
    const sim = createSimCluster({ nodes: 1 });
    sim.annotate({ 'panelet.dev/restart': 'a', 'panelet.dev/max-unavailable': '51' });
    const driver = createSimDriver(sim);
    await driver.until(() => false, 20_000);
    expect(decisions(driver)).toEqual(['refused']);
  });
});

describe('the figures of a restart', () => {
  test('count every pod, session, state, replacement and end once', async () => {
    const driver = await run({ nodes: 3 });
    const { told } = driver;
    expect(told.filter(([name]) => name === 'podDone')).toHaveLength(3);
    const sessions = { kept: 0, checkpointed: 0, resumed: 0, lost: 0 };
    for (const [name, outcome, counts] of told) {
      if (name !== 'podDone') continue;
      expect(outcome).toBe('succeeded');
      for (const key of Object.keys(sessions) as (keyof typeof sessions)[]) {
        sessions[key] += (counts as typeof sessions)[key];
      }
    }
    expect(sessions).toEqual({ kept: 6, checkpointed: 9, resumed: 9, lost: 0 });
    expect(told.filter(([name]) => name === 'replacement').map(([, ms]) => Number(ms) >= 400)).toEqual([
      true,
      true,
      true,
    ]);
    expect(new Set(told.filter(([name]) => name === 'drainState').map(([, state]) => state))).toEqual(
      new Set(['NOTIFIED', 'FROZEN', 'QUIESCED', 'CHECKPOINTED', 'RELEASED']),
    );
    expect(told.filter(([name]) => name === 'restartDone')).toEqual([['restartDone', 'succeeded']]);
  });

  test('name what holds, and forget it when the drain is over', async () => {
    const driver = await run({ nodes: 1, agent: { stuck: 2 } }, { drain: { timeoutSeconds: 20 } });
    const held = driver.told.filter(([name]) => name === 'heldOperations').map(([, , operations]) => operations);
    expect(held).toContainEqual(new Map([['pty.write', 2]]));
    expect(held.at(-1)).toEqual(new Map());
    expect(driver.told.filter(([name]) => name === 'podDone')).toMatchObject([
      ['podDone', 'failed', { forced: 0, lost: 0 }],
    ]);
  });
});

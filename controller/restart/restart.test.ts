import { describe, expect, test } from '@jest/globals';

import { createSimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver } from '#test/support/controller/sim-controller.js';

describe('a restart', () => {
  test('replaces every pod once, each after its receipt, and adds the sessions up', async () => {
    const sim = createSimCluster({ nodes: 3 });
    const before = sim.pods().map((pod) => pod.metadata.uid);
    sim.request('r1', { reason: 'test' });
    const driver = createSimDriver(sim);
    expect(await driver.until(() => isOver(sim, 'r1'))).toBe(true);
    const { status } = sim.restart('r1');
    console.log(
      JSON.stringify(status, null, 1),
      sim.kube.writes.map((w) => `${w.verb} ${w.plural} ${w.name}`),
      driver.notes.map((n) => n.text),
    );
    expect(sim.violations).toEqual([]);
    expect([...sim.deletes().keys()].sort()).toEqual([...before].sort());
    expect(status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: 3, total: 3, summary: '3/3' } });
    expect(status?.sessions).toMatchObject({ kept: 6, checkpointed: 9, resumed: 9, forced: 0, lost: 0 });
  });
});

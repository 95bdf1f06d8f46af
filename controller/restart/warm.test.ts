import { describe, expect, test } from '@jest/globals';

import { detachedBy } from '#controller/restart/api/annotations.js';
import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { pods } from '#kube/api.js';
import { type PanelRestartSpec } from './api/panel-restart.js';

function setUp(
  spec: Partial<PanelRestartSpec> = {},
  options: Partial<SimOptions> = {},
): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes: 2, surge: {}, ...options });
  sim.request('r1', spec);
  return { sim, driver: createSimDriver(sim) };
}

const nodeNames = (sim: SimCluster): string[] => [...new Set(sim.pods().map((pod) => pod.spec?.nodeName ?? ''))];

/** Whatever happened: nothing stays out of its DaemonSet, a node has one pod, and every session is somewhere. */
function expectTidy(sim: SimCluster): void {
  expect(sim.violations).toEqual([]);
  expect(sim.pods().filter((pod) => detachedBy(pod) !== undefined)).toEqual([]);
  expect(sim.kube.all(pods).some((pod) => pod.metadata.annotations?.['panelet.dev/claim'] !== undefined)).toBe(false);
  expect(sim.pods().map((pod) => pod.spec?.nodeName)).toHaveLength(nodeNames(sim).length);
  for (const node of nodeNames(sim)) {
    const { there, ever } = sim.sessionsOn(node);
    expect({ node, there }).toEqual({ node, there: ever });
  }
}

describe('a restart that makes before it breaks', () => {
  test('has each replacement serve before it drains, and its sessions move', async () => {
    const { sim, driver } = setUp();
    expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
    const { status } = sim.restart('r1');
    expect(status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: 2, failed: 0 } });
    expect(status?.sessions).toMatchObject({ moved: 6, checkpointed: 0, lost: 0 });
    await driver.until(() => false, 1_000);
    expectTidy(sim);
  });
});

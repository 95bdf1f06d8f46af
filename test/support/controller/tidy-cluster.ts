import { expect } from '@jest/globals';

import { claimOf, detachedBy } from '#controller/restart/api/annotations.js';
import { nodeNameOf } from '#common/daemon-placement.js';
import type { SimCluster } from './sim-cluster.js';

/** Whatever happened: no rule was broken, nothing stays out of its DaemonSet, a node has one pod, and every session is somewhere. */
export function expectTidy(sim: SimCluster): void {
  expect(sim.violations).toEqual([]);
  expect(sim.pods().filter((pod) => detachedBy(pod) !== undefined || claimOf(pod) !== undefined)).toEqual([]);
  const nodes = sim.pods().map((pod) => nodeNameOf(pod) ?? '');
  expect([...nodes].sort()).toEqual([...new Set(nodes)].sort());
  for (const node of nodes) {
    const { there, ever } = sim.sessionsOn(node);
    expect({ node, there }).toEqual({ node, there: ever });
  }
}

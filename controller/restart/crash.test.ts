import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver } from '#test/support/controller/sim-controller.js';

const nodes = 3;
const perPod = { kept: 2, checkpointable: 3 };

function expectExact(sim: SimCluster, original: readonly (string | undefined)[], name: string): void {
  expect(sim.violations).toEqual([]);
  expect([...sim.deletes()].sort()).toEqual(original.map((uid) => [uid, 1]).sort());
  const { status } = sim.restart(name);
  expect(status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: nodes, failed: 0, total: nodes } });
  expect(status?.sessions).toMatchObject({
    kept: nodes * perPod.kept,
    checkpointed: nodes * perPod.checkpointable,
    resumed: nodes * perPod.checkpointable,
    forced: 0,
    lost: 0,
  });
  expect(sim.pods().some((pod) => pod.metadata.annotations?.['panelet.dev/claim'] !== undefined)).toBe(false);
}

async function callsOfOneLife(): Promise<number> {
  const sim = createSimCluster({ nodes, agent: perPod });
  sim.annotate({ 'panelet.dev/restart': 'a' });
  const driver = createSimDriver(sim);
  const name = await annotated(sim, driver);
  await driver.until(() => isOver(sim, name));
  return driver.calls.length;
}

async function annotated(sim: SimCluster, driver: ReturnType<typeof createSimDriver>): Promise<string> {
  const find = (): string | undefined =>
    driver.restarts().find((restart) => restart.metadata.annotations !== undefined)?.metadata.name;
  await driver.until(() => find() !== undefined, 10_000);
  return find() ?? '';
}

async function runWith(
  faults: FaultPoint[],
): Promise<{ sim: SimCluster; done: boolean; name: string; lives: number; original: (string | undefined)[] }> {
  const sim = createSimCluster({ nodes, agent: perPod });
  const original = sim.pods().map((pod) => pod.metadata.uid);
  sim.annotate({ 'panelet.dev/restart': 'a', 'panelet.dev/max-unavailable': '2' });
  const driver = createSimDriver(sim, faults);
  const name = await annotated(sim, driver);
  const done = await driver.until(() => isOver(sim, name), 600_000);
  return { sim, done, name, lives: driver.lives(), original };
}

describe('a controller that is killed', () => {
  test('at any write or gate call, before or after it takes effect: one delete a pod, after its receipt', async () => {
    const count = await callsOfOneLife();
    expect(count).toBeGreaterThan(30);
    for (let call = 1; call <= count; call++) {
      for (const when of ['before', 'after'] as const) {
        const sim = createSimCluster({ nodes, agent: perPod });
        const original = sim.pods().map((pod) => pod.metadata.uid);
        sim.annotate({ 'panelet.dev/restart': 'a' });
        const driver = createSimDriver(sim, [{ call, when }]);
        const name = await annotated(sim, driver);
        const done = await driver.until(() => isOver(sim, name), 600_000);
        expect({ call, when, done, lives: driver.lives() }).toEqual({ call, when, done: true, lives: 2 });
        expect(driver.restarts()).toHaveLength(1);
        expectExact(sim, original, name);
      }
    }
  });

  test('again and again, at random calls, two pods at a time', async () => {
    const point = fc.record({
      call: fc.integer({ min: 1, max: 25 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(point, { minLength: 1, maxLength: 12 }), async (faults) => {
        const { sim, done, name, original } = await runWith([...faults]);
        expect(done).toBe(true);
        expectExact(sim, original, name);
      }),
      { numRuns: 150 },
    );
  });

  test('with a cache that lags and agents that crash in the middle of drains', async () => {
    const scenario = fc.record({
      faults: fc.array(
        fc.record({
          call: fc.integer({ min: 1, max: 40 }),
          when: fc.constantFrom('before' as const, 'after' as const),
        }),
        { maxLength: 4 },
      ),
      lagMs: fc.integer({ min: 0, max: 120 }),
      agentCrashesMs: fc.array(
        fc.record({ afterMs: fc.integer({ min: 900, max: 4_000 }), node: fc.integer({ min: 0, max: 2 }) }),
        {
          maxLength: 5,
        },
      ),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ faults, lagMs, agentCrashesMs }) => {
        const sim = createSimCluster({ nodes, agent: perPod });
        const original = sim.pods().map((pod) => pod.metadata.uid);
        sim.annotate({ 'panelet.dev/restart': 'a' });
        const driver = createSimDriver(sim, [...faults], lagMs);
        for (const { afterMs, node } of agentCrashesMs) {
          sim.clock.after(afterMs, () => {
            for (const agent of sim.agents.byAddress.values()) if (agent.node === `node-${node}`) agent.crash();
          });
        }
        const name = await annotated(sim, driver);
        expect(await driver.until(() => isOver(sim, name), 600_000)).toBe(true);
        expectExact(sim, original, name);
      }),
      { numRuns: 150 },
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import { faultKinds, faultNatures } from './fault-kinds.js';
import { mayBegin, planFaults } from './fault-plan.js';

const plan = planFaults({ seed: 7, faults: 100, nodes: 2 });

describe('the plan of faults', () => {
  test('is the same for the same seed and another for another', () => {
    expect(planFaults({ seed: 7, faults: 100, nodes: 2 })).toEqual(plan);
    expect(planFaults({ seed: 8, faults: 100, nodes: 2 })).not.toEqual(plan);
  });

  test('has every kind as often as every other, and numbers them', () => {
    expect(plan.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, before) => before + 1));
    for (const kind of faultKinds) {
      const count = plan.filter((fault) => fault.kind === kind).length;
      expect([12, 13]).toContain(count);
    }
  });

  test('uses every node, and fits 100 faults into half an hour', () => {
    expect(new Set(plan.map(({ node }) => node))).toEqual(new Set([0, 1]));
    expect(plan.reduce((sum, { pauseMs }) => sum + pauseMs, 0)).toBeLessThan(30 * 60_000);
  });

  test('holds what has to be healed for a while, and sometimes for long; kills heal by themselves', () => {
    for (const kind of faultKinds) {
      const holds = plan.filter((fault) => fault.kind === kind).map(({ holdMs }) => holdMs);
      const { holdMs, longHoldMs } = faultNatures[kind];
      expect(Math.min(...holds)).toBeGreaterThanOrEqual(holdMs[0]);
      expect(Math.max(...holds)).toBeLessThanOrEqual(longHoldMs?.[1] ?? holdMs[1]);
    }
    expect(plan.some(({ kind, holdMs }) => kind === 'node' && holdMs >= 60_000)).toBe(true);
  });

  test('never stops the last node', () => {
    expect(mayBegin({ kind: 'node', node: 1 }, [{ kind: 'node', node: 0 }])).toBe(false);
    expect(mayBegin({ kind: 'node', node: 1 }, [{ kind: 'disk', node: 1 }])).toBe(true);
  });

  test('kills nothing on a node without power, but may fill its disk', () => {
    const open = [{ kind: 'node', node: 0 }] as const;
    for (const kind of ['agent', 'worker', 'host', 'network'] as const) {
      expect(mayBegin({ kind, node: 0 }, open)).toBe(false);
      expect(mayBegin({ kind, node: 1 }, open)).toBe(true);
    }
    expect(mayBegin({ kind: 'disk', node: 0 }, open)).toBe(true);
    expect(mayBegin({ kind: 'controller', node: 0 }, open)).toBe(true);
  });

  test('breaks nothing twice at a time', () => {
    for (const kind of ['network', 'disk', 'api-server'] as const) {
      expect(mayBegin({ kind, node: 0 }, [{ kind, node: 0 }])).toBe(false);
    }
    expect(mayBegin({ kind: 'disk', node: 1 }, [{ kind: 'disk', node: 0 }])).toBe(true);
    expect(mayBegin({ kind: 'agent', node: 0 }, [{ kind: 'agent', node: 0 }])).toBe(true);
  });
});

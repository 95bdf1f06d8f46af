import { describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import type { Breakage, Heal } from './breaker.js';
import type { PlannedFault } from './fault-plan.js';
import { runFaults, type FaultRun } from './run-faults.js';
import { startTimeline } from './timeline.js';

const planned = (index: number, change: Partial<PlannedFault>): PlannedFault => ({
  ...{ index, kind: 'agent', node: 0, pauseMs: 1_000, holdMs: 0 },
  ...change,
});

async function passing(clock: FakeClock, run: Promise<FaultRun>): Promise<FaultRun> {
  const seen = { over: false };
  void run.finally(() => (seen.over = true));
  for (let step = 0; step < 2_000 && !seen.over; step++) {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    clock.advance(500);
  }
  return run;
}

/** Runs a plan against a breaker that answers with what `make` gives. */
async function runPlan(plan: readonly PlannedFault[], make: (breakage: Breakage) => Heal | undefined) {
  const clock = createFakeClock();
  const said: string[] = [];
  const run = runFaults({
    ...{ plan, nodes: ['a', 'b'], clock, timeline: startTimeline(clock), restarts: () => 1 },
    breaker: { make: (breakage) => Promise.resolve(make(breakage)) },
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  return { ...(await passing(clock, run)), said };
}

const healed: Heal = () => Promise.resolve();

describe('making faults', () => {
  test('records when each was made and healed, and overlaps them', async () => {
    const plan = [planned(1, { kind: 'network', holdMs: 5_000 }), planned(2, { node: 1 })];
    const { faults, violations } = await runPlan(plan, () => healed);
    expect(violations).toEqual([]);
    expect(faults.map(({ kind, node }) => [kind, node])).toEqual([
      ['network', 'a'],
      ['agent', 'b'],
    ]);
    expect(faults[1]!.startMs).toBeLessThan(faults[0]!.endMs);
    expect(faults[1]!.endMs).toBe(faults[1]!.startMs);
  });

  test('waits with a kill until its node has power again', async () => {
    const plan = [planned(1, { kind: 'node', holdMs: 10_000 }), planned(2, {})];
    const { faults } = await runPlan(plan, () => healed);
    expect(faults[1]!.startMs).toBeGreaterThanOrEqual(faults[0]!.endMs);
  });

  test('tries again while there is nothing to break, and says so when nothing comes back', async () => {
    let calls = 0;
    const later = await runPlan([planned(1, {})], () => (++calls < 4 ? undefined : healed));
    expect(later.faults).toHaveLength(1);
    const never = await runPlan([planned(1, {})], () => undefined);
    expect(never.faults).toEqual([]);
    expect(never.violations.map(({ what }) => what)).toEqual(['what was broken comes back']);
  });

  test('says when something cannot be healed', async () => {
    const { violations } = await runPlan(
      [planned(1, { kind: 'node', holdMs: 10 })],
      () => () => Promise.reject(new Error('stuck')),
    );
    expect(violations.map(({ evidence }) => evidence)).toEqual(['fault 1/1 node without power (a): Error: stuck']);
  });
});

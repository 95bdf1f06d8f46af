import { sleep, type Clock } from '#common/time/clock.js';
import type { Breaker, Heal } from './breaker.js';
import { faultNatures } from './fault-kinds.js';
import { mayBegin, type OpenFault, type PlannedFault } from './fault-plan.js';
import type { FaultRecord, Violation } from './history.js';
import type { Timeline } from './timeline.js';

/** What making faults needs. */
export interface RunFaultsOptions {
  readonly plan: readonly PlannedFault[];
  readonly nodes: readonly string[];
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly timeline: Timeline;
  /** Restarts under way now. */
  readonly restarts: () => number;
  /** One line of progress. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What came of a plan. */
export interface FaultRun {
  readonly faults: readonly FaultRecord[];
  /** Faults that could not be made or healed. */
  readonly violations: readonly Violation[];
}

// What was killed comes back after its crash back-off at the latest.
const targetLimitMs = 330_000;
const retryMs = 1_000;
const healTries = 5;

/** Makes all faults of a plan and heals them; a fault that has nothing to break yet waits beside the next ones. */
export async function runFaults(options: RunFaultsOptions): Promise<FaultRun> {
  const { plan, nodes, breaker, clock, timeline, say, signal } = options;
  const open = new Set<OpenFault>();
  const faults: FaultRecord[] = [];
  const violations: Violation[] = [];
  const pause = (ms: number): Promise<void> => sleep(clock, ms, signal).catch(() => undefined);
  const nameOf = ({ index, kind, node }: PlannedFault): string =>
    `fault ${index}/${plan.length} ${faultNatures[kind].title}${faultNatures[kind].onNode ? ` (${nodes[node] ?? ''})` : ''}`;

  const heal = async (planned: PlannedFault, how: Heal): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        await how();
        return;
      } catch (error) {
        if (tries < healTries) await sleep(clock, retryMs);
        else {
          violations.push({ what: 'what was broken can be healed', evidence: `${nameOf(planned)}: ${String(error)}` });
          return;
        }
      }
    }
  };
  /** One try; true when the fault was made. */
  const attempt = async (planned: PlannedFault): Promise<boolean> => {
    if (!mayBegin(planned, [...open])) return false;
    open.add(planned);
    try {
      const startMs = timeline.nowMs();
      const restarts = options.restarts();
      const { kind, index, holdMs } = planned;
      const node = nodes[planned.node] ?? '';
      const how = await breaker.make({ kind, node, holdMs }).catch(() => undefined);
      if (how === undefined) return false;
      const hold = holdMs === 0 ? '' : `, for ${(holdMs / 1000).toFixed(0)} s`;
      say(`${nameOf(planned)}${hold}; ${restarts} restarts under way`);
      if (holdMs > 0) await pause(holdMs);
      await heal(planned, how);
      const place = faultNatures[kind].onNode ? { node } : {};
      faults.push({ index, kind, ...place, startMs, endMs: holdMs === 0 ? startMs : timeline.nowMs(), restarts });
      return true;
    } finally {
      open.delete(planned);
    }
  };
  const make = async (planned: PlannedFault): Promise<void> => {
    const deadlineMs = timeline.nowMs() + targetLimitMs;
    while (!signal.aborted) {
      if (await attempt(planned)) return;
      if (timeline.nowMs() > deadlineMs) {
        violations.push({ what: 'what was broken comes back', evidence: `${nameOf(planned)} found nothing to break` });
        return;
      }
      await pause(retryMs);
    }
  };
  const making: Promise<void>[] = [];
  for (const planned of plan) {
    await pause(planned.pauseMs);
    if (!signal.aborted) making.push(make(planned));
  }
  await Promise.all(making);
  return { faults: faults.sort((a, b) => a.index - b.index), violations };
}

import type { Clock } from '#common/time/clock.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';

import type { RestartMetrics } from '../../metrics/restart-metrics.js';
import { gateStateName } from '../api/events.js';

/** Tells of drains as numbers: how long each state took, what holds, how long a replacement took. Decides nothing. */
export interface DrainTimings {
  /** A pod's drain is in this state. */
  heard(uid: string, status: GateStatus): void;
  /** A pod's delete was asked for. */
  killed(uid: string): void;
  /** A pod's replacement serves; nobody waited for one that served before the pod went. */
  replaced(uid: string, isBeside: boolean): void;
  /** Nothing more is heard of a pod's drain. */
  forget(uid: string): void;
}

/** Pods whose replacement never came are forgotten beyond this many. */
const maxRemembered = 1_000;

/** States in which clients have no attachment any more. */
const released: ReadonlySet<State> = new Set([State.RELEASED, State.CLOSED, State.FORCED]);

/** Timings that start empty: a drain that another leader began is told of from where it is. */
export function createDrainTimings(metrics: RestartMetrics, clock: Clock): DrainTimings {
  const states = new Map<string, { readonly state: State; readonly sinceMs: number }>();
  const killedMs = new Map<string, number>();
  const releasedMs = new Map<string, number>();
  const remember = (times: Map<string, number>, uid: string, nowMs: number): void => {
    if (times.size >= maxRemembered) times.clear();
    times.set(uid, nowMs);
  };
  const take = (times: Map<string, number>, uid: string, tell: (tookMs: number) => void): void => {
    const sinceMs = times.get(uid);
    times.delete(uid);
    if (sinceMs !== undefined) tell(clock.nowMs() - sinceMs);
  };
  return {
    heard: (uid, { state, holders }) => {
      const before = states.get(uid);
      const nowMs = clock.nowMs();
      if (before?.state !== state) {
        if (before !== undefined && before.state !== State.SERVING) {
          metrics.drainState(gateStateName(before.state), nowMs - before.sinceMs);
        }
        states.set(uid, { state, sinceMs: nowMs });
      }
      if (!released.has(state)) releasedMs.delete(uid);
      else if (!releasedMs.has(uid)) remember(releasedMs, uid, nowMs);
      const operations = new Map<string, number>();
      for (const { operation } of holders) operations.set(operation, (operations.get(operation) ?? 0) + 1);
      metrics.heldOperations(uid, operations);
    },
    killed: (uid) => remember(killedMs, uid, clock.nowMs()),
    replaced: (uid, isBeside) => {
      const told = isBeside ? undefined : metrics;
      take(killedMs, uid, (tookMs) => told?.replacement(tookMs));
      take(releasedMs, uid, (tookMs) => told?.restartGap(tookMs));
    },
    forget: (uid) => {
      states.delete(uid);
      metrics.heldOperations(uid, new Map());
    },
  };
}

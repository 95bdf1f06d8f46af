import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

import type { RestartMetrics, WarmOutcome } from './restart-metrics.js';

const outcomeLabels: Readonly<Record<WarmOutcome, string>> = {
  beside: 'beside',
  alone: 'alone',
  noRoom: 'no_room',
  stuck: 'stuck',
  unreachable: 'unreachable',
  calledOff: 'called_off',
};

function warmSeconds(registry: Registry): Histogram<'outcome'> {
  return new Histogram({
    ...{
      name: 'panelet_warm_seconds',
      help: 'Time that replacements beside old pods took to serve, or that they had.',
      registers: [registry],
    },
    labelNames: ['outcome'],
    buckets: [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600],
  });
}

/** Restarts as Prometheus reads them; docs/reference/metrics.md describes each. */
export function createPromRestartMetrics(registry: Registry): RestartMetrics {
  const registers = [registry];
  const restarts = new Counter({
    ...{ name: 'panelet_restarts_total', help: 'Restarts that are over.', registers },
    labelNames: ['outcome'],
  });
  const pods = new Counter({
    ...{ name: 'panelet_pods_restarted_total', help: 'Pods whose restart is over.', registers },
    labelNames: ['outcome'],
  });
  const sessions = new Counter({
    ...{ name: 'panelet_sessions_total', help: 'Sessions on restarted pods by how they came through.', registers },
    labelNames: ['outcome'],
  });
  const drains = new Histogram({
    ...{ name: 'panelet_drain_seconds', help: 'Time that drains spent in a state.', registers },
    labelNames: ['state'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
  });
  const replacements = new Histogram({
    name: 'panelet_replacement_seconds',
    help: 'Time from the delete of a pod to its replacement serving.',
    buckets: [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600],
    registers,
  });
  const gaps = new Histogram({
    name: 'panelet_restart_gap_seconds',
    help: 'Time from the moment a drain lets clients go to the replacement serving them.',
    buckets: [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600],
    registers,
  });
  const warm = warmSeconds(registry);
  const held = new Map<string, ReadonlyMap<string, number>>();
  new Gauge({
    ...{ name: 'panelet_held_operations', help: 'Operations that drains wait for now, by name.', registers },
    labelNames: ['operation'],
    collect() {
      this.reset();
      for (const operations of held.values()) {
        for (const [operation, count] of operations) this.inc({ operation }, count);
      }
    },
  });
  return {
    drainState: (state, tookMs) => drains.observe({ state }, tookMs / 1000),
    replacement: (tookMs) => replacements.observe(tookMs / 1000),
    restartGap: (tookMs) => gaps.observe(tookMs / 1000),
    warmDone: (outcome, tookMs) => warm.observe({ outcome: outcomeLabels[outcome] }, tookMs / 1000),
    restartDone: (outcome) => restarts.inc({ outcome }),
    podDone: (outcome, counts) => {
      pods.inc({ outcome });
      for (const [how, count] of Object.entries(counts)) if (count > 0) sessions.inc({ outcome: how }, count);
    },
    heldOperations: (podUid, operations) => {
      if (operations.size === 0) held.delete(podUid);
      else held.set(podUid, operations);
    },
  };
}

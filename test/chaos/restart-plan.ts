import type { Random } from '#common/random.js';
import type { PanelRestartSpec } from '#controller/restart/api/panel-restart.js';

/** What a person does to a restart while it runs. */
export type Course = 'leave' | 'pause' | 'abort';

/** A restart of the agents that somebody asks for. */
export interface PlannedRestart {
  readonly course: Course;
  /** When the person does it, after the restart was made. */
  readonly afterMs: number;
  /** How long a pause lasts. */
  readonly pausedMs: number;
  readonly spec: Omit<PanelRestartSpec, 'targetRef'>;
}

/** The next restart of the agents: one pod at a time or all at once, with a policy that never ends a session. */
export function planAgentRestart(random: Random): PlannedRestart {
  const kind = random.number();
  const course = kind < 0.7 ? 'leave' : kind < 0.85 ? 'pause' : 'abort';
  const waits = random.number() < 0.2;
  return {
    course,
    afterMs: 500 + random.number() * 9_000,
    pausedMs: 2_000 + random.number() * 8_000,
    spec: {
      reason: 'chaos',
      strategy: { maxUnavailable: random.number() < 0.2 ? 2 : 1 },
      drain: waits
        ? { noticeSeconds: 1, timeoutSeconds: 20, maxTimeoutSeconds: 60, onTimeout: 'Wait' }
        : { noticeSeconds: 1, timeoutSeconds: 30, onTimeout: 'Abort' },
      replacementTimeoutSeconds: 180,
    },
  };
}

/** A restart of a node's host, which may not end its shells. */
export function hostRestartSpec(node: string): Omit<PanelRestartSpec, 'targetRef'> {
  return {
    reason: 'chaos',
    nodeSelector: { 'kubernetes.io/hostname': node },
    drain: { noticeSeconds: 1, timeoutSeconds: 6, onTimeout: 'Abort' },
    replacementTimeoutSeconds: 180,
  };
}

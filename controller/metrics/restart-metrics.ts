/** How a restart ended. */
export type RestartOutcome = 'succeeded' | 'failed' | 'aborted' | 'superseded';

/** How the restart of one pod ended. */
export type PodResult = 'succeeded' | 'failed' | 'aborted';

/**
 * How the time ended in which a replacement starts beside the old pod: it serves (`beside`); none came for want of room, or none is wanted there,
 * and the old pod went first (`alone`); or the old pod was given back, because there was no room (`noRoom`), the replacement does not
 * serve (`stuck`), the node is down (`unreachable`), or the restart goes no further (`calledOff`).
 */
export type WarmOutcome = 'beside' | 'alone' | 'noRoom' | 'stuck' | 'unreachable' | 'calledOff';

/** How sessions came through. */
export type SessionFate = 'kept' | 'finished' | 'checkpointed' | 'moved' | 'resumed' | 'forced' | 'lost';

/** Sessions of a pod by how they came through; what is missing counts as none. */
export type SessionCounts = Readonly<Partial<Record<SessionFate, number>>>;

/** What a restart controller tells about its work as numbers. Never fails and never waits. */
export interface RestartMetrics {
  /** A drain left a state, written as in `ActivePod.gateState` (for example `FROZEN`), after this many milliseconds in it. */
  drainState(state: string, tookMs: number): void;
  /** A pod's restart is over; told once for a pod of a restart. */
  podDone(outcome: PodResult, sessions: SessionCounts): void;
  /** The replacement of a pod that went before it serves, this many milliseconds after the delete was asked for. */
  replacement(tookMs: number): void;
  /** The same, this many milliseconds after the drain let its clients go. */
  restartGap(tookMs: number): void;
  /** The replacement of a pod that was taken out of its DaemonSet serves, or will not, this many milliseconds after that. */
  warmDone(outcome: WarmOutcome, tookMs: number): void;
  /** A restart is over; told once for a restart. */
  restartDone(outcome: RestartOutcome): void;
  /**
   * Operations that the drain of a pod waits for, as numbers by name (for example `pty.write`). Each call replaces what
   * was told of this pod; an empty map forgets it.
   */
  heldOperations(podUid: string, operations: ReadonlyMap<string, number>): void;
}

/** Metrics that nobody reads. */
export function createNoRestartMetrics(): RestartMetrics {
  return {
    drainState: () => undefined,
    podDone: () => undefined,
    replacement: () => undefined,
    restartGap: () => undefined,
    warmDone: () => undefined,
    restartDone: () => undefined,
    heldOperations: () => undefined,
  };
}

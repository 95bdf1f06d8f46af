import type { FaultKind, SessionKind } from './fault-kinds.js';

/** A fault that was made. Times are milliseconds of the run's own time line. */
export interface FaultRecord {
  readonly index: number;
  readonly kind: FaultKind;
  /** Left out for faults that hit all nodes. */
  readonly node?: string;
  /** Before anything was broken. */
  readonly startMs: number;
  /** When it was healed; the same as the start for a kill. */
  readonly endMs: number;
  /** Restarts under way when it was made. */
  readonly restarts: number;
}

/** How a session came through. */
export type Outcome =
  /** Nothing was lost, repeated or out of order. */
  | 'exact'
  /** Something was lost, the client was told, and up to there everything was in order. */
  | 'told'
  /** Anything else. */
  | 'broken';

/** Time without an attachment. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A session that is over. */
export interface SessionRecord {
  readonly id: string;
  readonly kind: SessionKind;
  readonly node: string;
  /** Before it was opened. */
  readonly fromMs: number;
  /** When it was finished, or lost. */
  readonly toMs: number;
  readonly outcome: Outcome;
  /** What the client was told, or what is wrong. */
  readonly evidence: string;
  readonly bytes: number;
  readonly gaps: readonly Gap[];
}

/** Something that must not be. */
export interface Violation {
  /** The invariant, in words. */
  readonly what: string;
  readonly evidence: string;
}

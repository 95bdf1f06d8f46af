/** Where a worker's gate is; docs/reference/gate.md. */
export type GatePhase =
  'SERVING' | 'CORDONED' | 'NOTIFIED' | 'FROZEN' | 'QUIESCED' | 'CHECKPOINTED' | 'RELEASED' | 'CLOSED' | 'FORCED';

/** Who commands; orders commands of one restart and of controllers that follow each other. */
export interface Fence {
  readonly restartUid: string;
  readonly fencing: number;
  readonly generation: number;
}

/** What to do with sessions that are not safe in time. */
export type DrainTimeoutPolicy = 'force' | 'abort' | 'wait';

/** A drain under way; times are of the monotonic clock, in milliseconds. */
export interface DrainPlan {
  /** Counts the drains of this worker. */
  readonly serial: number;
  readonly startedMs: number;
  /** Sessions are brought to rest from here on at the latest. */
  readonly noticeUntilMs: number;
  /** Sessions that are idle do not end the notice early: those of other workers still work. */
  readonly holdsNotice: boolean;
  /** The notice lasts longer than was asked for, as sessions are being given to a newer instance; never beyond this. */
  readonly givesUntilMs?: number | undefined;
  /** The policy applies here; what is left until the deadline is for sealing the others. */
  readonly policyAtMs: number;
  readonly deadlineMs: number;
  readonly onTimeout: DrainTimeoutPolicy;
  /** Instance of the agent that goes once the drain is complete. @default it stays */
  readonly leavingAgent?: string | undefined;
}

/**
 * How the sessions are brought to rest in FROZEN, so that nobody waits for one that holds something. `failed` counts the
 * waves in which somebody was frozen in vain; times are in milliseconds of the clock.
 */
export type Wave =
  /** Those in the middle of something are asked to come to rest; the others serve. */
  | { readonly kind: 'clearing'; readonly sinceMs: number; readonly failed: number }
  /** Nobody is in the way any more: all are asked. */
  | { readonly kind: 'closing'; readonly sinceMs: number; readonly failed: number }
  /** Somebody did not come to rest in time: all others serve until he has, and until `untilMs` where that is set. */
  | { readonly kind: 'pausing'; readonly untilMs: number | undefined; readonly failed: number };

/** Who has cordoned a gate. */
export interface GateCordon {
  readonly fence: Fence;
  readonly reason: string;
  readonly leaseUntilMs: number;
  /** True of the worker's own, at the end of its retirement: any restart takes it over. */
  readonly isOwn?: boolean;
}

/** The state of a gate. */
export interface DrainState {
  readonly phase: GatePhase;
  readonly sinceMs: number;
  /** Set from CORDONED on. */
  readonly cordon?: GateCordon | undefined;
  /** Set from NOTIFIED on. */
  readonly plan?: DrainPlan | undefined;
  /** Set in FROZEN. */
  readonly wave?: Wave | undefined;
  readonly highestFencing: number;
  /** The last command that was accepted. */
  readonly lastFence?: Fence | undefined;
  readonly drains: number;
  /** The process is ending: the gate opens no more. */
  readonly terminating: boolean;
}

/** What the sessions of the worker look like; forced ones count in `attached` only. */
export interface DrainFacts {
  readonly sessions: number;
  /** In the middle of something. */
  readonly busy: number;
  /** Not asked to come to rest: they serve. */
  readonly free: number;
  /** Asked to come to rest, and still moving or holding something; or being opened. */
  readonly restless: number;
  /** Asked, and at rest. */
  readonly rested: number;
  /** To be given to a newer instance of the worker, or on the way there. */
  readonly giving: number;
  /** Whose client is still taking or acknowledging output. */
  readonly unflushed: number;
  readonly unsealed: number;
  readonly attached: number;
}

/** What can happen to a gate. */
export type DrainEvent =
  | { readonly kind: 'cordon'; readonly fence: Fence; readonly leaseMs: number; readonly reason: string }
  | { readonly kind: 'uncordon'; readonly fence: Fence; readonly anyRestart: boolean }
  | {
      readonly kind: 'drain';
      readonly fence: Fence;
      readonly leaseMs: number;
      readonly reason: string;
      readonly noticeMs: number;
      readonly holdsNotice: boolean;
      readonly timeoutMs: number;
      readonly onTimeout: DrainTimeoutPolicy;
      readonly leavingAgent?: string | undefined;
    }
  | { readonly kind: 'end-notice'; readonly fence: Fence }
  /** From now on nothing new is taken, cordoned or not. */
  | { readonly kind: 'retire'; readonly fence: Fence }
  /** The time of a worker that retires is over: what is left ends by force. */
  | { readonly kind: 'expire'; readonly timeoutMs: number; readonly reason: string }
  | { readonly kind: 'terminate'; readonly graceMs: number; readonly restartUid: string }
  | { readonly kind: 'observe'; readonly facts: DrainFacts };

/** What the executor has to do, in order. Each is idempotent. */
export type DrainEffect =
  | { readonly kind: 'refuse-new' }
  | { readonly kind: 'admit-new' }
  | { readonly kind: 'notice' }
  /** Ask to come to rest: those that are in the middle of something, or all. */
  | { readonly kind: 'freeze'; readonly who: 'moving' | 'all' }
  /** Those at rest go on: they would wait for others. */
  | { readonly kind: 'ease' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'seal' }
  | { readonly kind: 'force'; readonly who: 'all' | 'restless' | 'unsealed'; readonly reason: string }
  | { readonly kind: 'release' }
  | { readonly kind: 'receipt' }
  /** Consume what is sealed, thaw, tell CANCELLED, void the receipt. */
  | { readonly kind: 'reopen'; readonly reason: string };

/** Limits of the states, in milliseconds. */
export interface DrainRules {
  readonly checkpointable: boolean;
  /** Longest wait for acknowledgements; the replay is saved anyway. */
  readonly quiesceMs: number;
  /** Longest wait for the storage before the policy applies. */
  readonly sealMs: number;
  /** Longest wait for RPCs to end. */
  readonly releaseMs: number;
  /** Deadline after a second SIGTERM. */
  readonly hurryMs: number;
}

/** The limits of docs/reference/gate.md. */
export const defaultDrainRules: Omit<DrainRules, 'checkpointable'> = {
  quiesceMs: 1_000,
  sealMs: 10_000,
  releaseMs: 2_000,
  hurryMs: 2_000,
};

/** A gate that serves. */
export function servingState(nowMs: number): DrainState {
  return { phase: 'SERVING', sinceMs: nowMs, highestFencing: 0, drains: 0, terminating: false };
}

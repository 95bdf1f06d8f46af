import type { Clock } from '#common/time/clock.js';

/** Somebody who holds a gate. */
export interface Hold {
  /** Name of the operation, for example "pty.write". */
  readonly operation: string;
  /** When it entered, in milliseconds of the gate's clock. */
  readonly sinceMs: number;
  /** Bytes it still has to move; 0 when unknown. */
  readonly bytes: number;
}

/** Permission to do one operation; released exactly once (releasing again does nothing). */
export interface Permit {
  release(): void;
}

/** Outcome of `tryClose`. */
export type CloseAttempt = { readonly kind: 'closed' } | { readonly kind: 'locked'; readonly holders: readonly Hold[] };

/**
 * Keeps a pipe, stream or file from being closed under an operation. The lesson of Ajenti's GIPCLocked: a close that
 * meets a reader must wait for it, never tear the pipe from under it, and never give up half way.
 */
export interface OpGate {
  /** @returns a permit, or undefined when the gate is closing or closed. */
  enter(operation: string, bytes?: number): Permit | undefined;
  /** Closes when nobody holds; otherwise changes nothing. */
  tryClose(): CloseAttempt;
  /** Refuses new holders, waits for those inside at most `deadlineMs`, and reports who is still there. Repeatable. */
  close(deadlineMs: number): Promise<CloseAttempt>;
  readonly holders: readonly Hold[];
  readonly closing: boolean;
}

/**
 * An open gate. A `close` that reaches its deadline leaves the gate closing: nobody enters any more, those inside stay
 * named, and `close` or `tryClose` may be called again once they have been cancelled.
 */
export function createOpGate(deps: { readonly clock: Clock }): OpGate {
  const inside = new Set<Hold>();
  const waiting = new Set<() => void>();
  let state: 'open' | 'closing' | 'closed' = 'open';

  const attempt = (): CloseAttempt => {
    if (inside.size > 0) return { kind: 'locked', holders: [...inside] };
    state = 'closed';
    return { kind: 'closed' };
  };
  const leave = (hold: Hold): void => {
    if (!inside.delete(hold) || inside.size > 0) return;
    for (const wake of [...waiting]) wake();
  };
  return {
    enter: (operation, bytes = 0) => {
      if (state !== 'open') return undefined;
      const hold: Hold = { operation, sinceMs: deps.clock.nowMs(), bytes };
      inside.add(hold);
      return { release: () => leave(hold) };
    },
    tryClose: attempt,
    close: (deadlineMs) => {
      if (state === 'open') state = 'closing';
      const first = attempt();
      if (first.kind === 'closed') return Promise.resolve(first);
      return new Promise((resolve) => {
        const settle = (): void => {
          waiting.delete(settle);
          timer.stop();
          resolve(attempt());
        };
        const timer = deps.clock.after(deadlineMs, settle);
        waiting.add(settle);
      });
    },
    get holders() {
      return [...inside];
    },
    get closing() {
      return state !== 'open';
    },
  };
}

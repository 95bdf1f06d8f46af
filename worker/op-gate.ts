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

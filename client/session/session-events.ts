import type { PaneletError } from '#common/errors/errors.js';
import type { Loss } from '#session/client/client-link.js';

/** What a drain does to this session, as far as the worker has said. */
export type Fate = 'unknown' | 'kept' | 'checkpointed' | 'ends';

/** Everything a session tells besides its output, by name of the event. */
export interface SessionEventMap {
  /** A restart is coming, or was called off (`phase: 'cancelled'`). Nothing to do. */
  readonly notice: {
    readonly phase: 'notice' | 'cancelled';
    readonly reason: string;
    readonly remainingMs: number;
    readonly fate: Fate;
  };
  /** The worker takes no more input for a moment; what is written meanwhile waits here. */
  readonly frozen: { readonly reason: string; readonly fate: Fate };
  /** The agent does not answer, and its connection is not given up yet; `isSilent: false` when it answers after all. */
  readonly silent: { readonly isSilent: boolean };
  /** The attachment is gone and an attempt follows. */
  readonly reattaching: {
    readonly attempt: number;
    readonly delayMs: number;
    /** True when a drain asked for it. */
    readonly planned: boolean;
    readonly error: PaneletError | undefined;
  };
  /** Attached again. */
  readonly resumed: {
    /** Time without an attachment, in milliseconds. */
    readonly gapMs: number;
    readonly attempts: number;
    readonly exact: boolean;
    readonly incarnation: number;
  };
  /** Goes on over another agent; it was attached all the time. Its resume state is another one now. */
  readonly moved: {
    /** Node of the agent. */
    readonly node: string;
    readonly incarnation: number;
  };
  /** Frames are gone; the session goes on, or ends by the option `onLoss: 'end'`. */
  readonly lost: Loss;
  /** Another client has taken the session over. This one stops. */
  readonly superseded: { readonly message: string };
  /** This client has left the session, which is kept. */
  readonly detached: { readonly message: string };
  /** Output up to `throughSeq` was replaced by a state; it is also an item of the iteration. */
  readonly snapshot: { readonly throughSeq: number; readonly contentType: string; readonly sizeBytes: number };
}

/** Name of an event of a session. */
export type SessionEventName = keyof SessionEventMap;

/** Listeners of one session, by event. */
export interface SessionEmitter {
  on<Name extends SessionEventName>(name: Name, listener: (event: SessionEventMap[Name]) => void): () => void;
  emit<Name extends SessionEventName>(name: Name, event: SessionEventMap[Name]): void;
}

/**
 * Calls listeners in the order they came. A listener that throws does not keep the others from being called; its error
 * goes to `onError`.
 */
export function createSessionEmitter(onError: (error: unknown) => void): SessionEmitter {
  const listeners = new Map<SessionEventName, Set<(event: never) => void>>();
  return {
    on: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => void set.delete(listener);
    },
    emit: (name, event) => {
      for (const listener of listeners.get(name) ?? []) {
        try {
          listener(event as never);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}

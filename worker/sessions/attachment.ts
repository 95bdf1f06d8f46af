import type { Clock, Timer } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { Frames } from '#proto/session/v1/session.js';
import type { AckUrgency } from '#session/endpoint/endpoint.js';

/** One RPC as an attachment sees it; `grpcWire` makes one of a grpc-js call. */
export interface Wire {
  /** Sends a message; `taken` is called when the transport has taken it, never when the RPC is over. */
  write(message: Uint8Array, taken: () => void): void;
  /** Ends the RPC with OK, after everything written. */
  end(): void;
  /** Ends the RPC with an error. */
  refuse(error: unknown): void;
  /** Ends the RPC at once, whatever is still on its way. */
  cut(): void;
  /** Stops reading: the peer is pushed back. */
  pause(): void;
  resume(): void;
}

/** What an attachment sends from. */
export interface AttachmentSource {
  pull(attachment: string, ackNow: boolean): Frames | undefined;
  ackUrgency(): AckUrgency;
}

/** What `createAttachment` needs. */
export interface SessionAttachmentDeps {
  readonly id: string;
  readonly wire: Wire;
  readonly clock: Clock;
  /** How long an acknowledgement waits for something to ride on, in milliseconds. */
  readonly ackDelayMs: number;
  /** Bytes handed to the transport and not taken, above which nothing more is pulled. */
  readonly maxPendingBytes: number;
  /** How long an RPC that was ended may take to be over before it is cut, in milliseconds. */
  readonly endLimitMs: number;
}

/** One Attach RPC of one client: sends what a session has, as fast as the client takes it and not faster. */
export interface SessionAttachment {
  readonly id: string;
  /** From here on pulls from the source. */
  start(source: AttachmentSource): void;
  /** Sends messages at once, before anything that is pulled later. */
  send(messages: readonly Frames[]): void;
  /** There may be something to pull: done once for all calls of this turn of the event loop. */
  wake(): void;
  /** Pulls now what the transport takes, acknowledging. */
  flush(): void;
  /** Reads and pulls nothing any more; `send` still works. */
  halt(): void;
  /** Takes up reading and pulling again after `halt`. */
  proceed(): void;
  /** Sends last messages and ends the RPC with OK. */
  finish(last: readonly Frames[]): void;
  /** Ends the RPC with an error. */
  refuse(error: unknown): void;
  /** The wire says that the RPC is over. */
  closed(): void;
  /** True while the transport takes no more. */
  readonly blocked: boolean;
  /** False once `finish` or `refuse` was called or the RPC is over. */
  readonly open: boolean;
  /** Resolves when the RPC is over. */
  readonly over: Promise<void>;
}

/** An attachment of an RPC that has just been admitted. */
export function createAttachment(deps: SessionAttachmentDeps): SessionAttachment {
  const over = createLatch();
  let source: AttachmentSource | undefined;
  let phase: 'open' | 'ending' | 'over' = 'open';
  let halted = false;
  let scheduled = false;
  let pendingBytes = 0;
  let ackTimer: Timer | undefined;
  let cutTimer: Timer | undefined;

  const write = (message: Frames): void => {
    if (phase === 'over') return;
    const bytes = Frames.encode(message).finish();
    pendingBytes += bytes.length;
    deps.wire.write(bytes, () => {
      const wasBlocked = isBlocked();
      pendingBytes -= bytes.length;
      if (wasBlocked && !isBlocked()) wake();
    });
  };
  const isBlocked = (): boolean => pendingBytes >= deps.maxPendingBytes;
  const pulls = (): boolean => phase === 'open' && !halted;

  const stopAckTimer = (): void => {
    ackTimer?.stop();
    ackTimer = undefined;
  };
  const pullOnce = (ackNow: boolean): boolean => {
    const message = source?.pull(deps.id, ackNow);
    if (message === undefined) return false;
    stopAckTimer();
    write(message);
    return true;
  };
  const pullAll = (): void => {
    while (!isBlocked() && pullOnce(false));
  };
  const acknowledge = (): void => {
    switch (source?.ackUrgency()) {
      case 'now':
        pullOnce(true);
        break;
      case 'soon':
        ackTimer ??= deps.clock.after(deps.ackDelayMs, () => {
          ackTimer = undefined;
          if (pulls() && !isBlocked()) pullOnce(true);
        });
        break;
      case 'none':
      case undefined:
        break;
    }
  };
  const run = (): void => {
    scheduled = false;
    if (!pulls()) return;
    pullAll();
    // Whoever takes nothing does not hear acknowledgements either; they would pile up.
    if (!isBlocked()) acknowledge();
  };
  const wake = (): void => {
    if (scheduled || !pulls()) return;
    scheduled = true;
    setImmediate(run);
  };
  const beginEnd = (): void => {
    phase = 'ending';
    stopAckTimer();
    cutTimer = deps.clock.after(deps.endLimitMs, () => deps.wire.cut());
    // Something has to read, or the end of the RPC is never noticed.
    deps.wire.resume();
  };

  return {
    id: deps.id,
    start: (from) => {
      source = from;
      wake();
    },
    send: (messages) => {
      if (phase === 'open') for (const message of messages) write(message);
    },
    wake,
    flush: () => {
      if (!pulls()) return;
      pullAll();
      pullOnce(true);
    },
    halt: () => {
      if (halted) return;
      halted = true;
      stopAckTimer();
      if (phase === 'open') deps.wire.pause();
    },
    proceed: () => {
      if (!halted) return;
      halted = false;
      if (phase === 'open') deps.wire.resume();
      wake();
    },
    finish: (last) => {
      if (phase !== 'open') return;
      for (const message of last) write(message);
      beginEnd();
      deps.wire.end();
    },
    refuse: (error) => {
      if (phase !== 'open') return;
      beginEnd();
      deps.wire.refuse(error);
    },
    closed: () => {
      phase = 'over';
      stopAckTimer();
      cutTimer?.stop();
      over.resolve();
    },
    get blocked() {
      return isBlocked();
    },
    get open() {
      return phase === 'open';
    },
    over: over.promise,
  };
}

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
  /** Instance of the agent that it comes through; empty where that names itself not. */
  readonly agentInstance: string;
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
  /** Instance of the agent that it comes through; empty where that names itself not. */
  readonly agentInstance: string;
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
  return new WireAttachment(deps);
}

class WireAttachment implements SessionAttachment {
  readonly id: string;
  readonly agentInstance: string;
  readonly over: Promise<void>;
  readonly #deps: SessionAttachmentDeps;
  readonly #over = createLatch();
  /** One function for all turns of the event loop. */
  readonly #run = (): void => this.#runOnce();
  #source: AttachmentSource | undefined;
  #phase: 'open' | 'ending' | 'over' = 'open';
  #isHalted = false;
  #isScheduled = false;
  #pendingBytes = 0;
  #ackTimer: Timer | undefined;
  #cutTimer: Timer | undefined;

  constructor(deps: SessionAttachmentDeps) {
    this.#deps = deps;
    this.id = deps.id;
    this.agentInstance = deps.agentInstance;
    this.over = this.#over.promise;
  }

  get blocked(): boolean {
    return this.#isBlocked();
  }

  get open(): boolean {
    return this.#phase === 'open';
  }

  start(source: AttachmentSource): void {
    this.#source = source;
    this.wake();
  }

  send(messages: readonly Frames[]): void {
    if (this.#phase === 'open') for (const message of messages) this.#write(message);
  }

  wake(): void {
    if (this.#isScheduled || !this.#pulls) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  }

  flush(): void {
    if (!this.#pulls) return;
    this.#pullAll();
    this.#pullOnce(true);
  }

  halt(): void {
    if (this.#isHalted) return;
    this.#isHalted = true;
    this.#stopAckTimer();
    if (this.#phase === 'open') this.#deps.wire.pause();
  }

  proceed(): void {
    if (!this.#isHalted) return;
    this.#isHalted = false;
    if (this.#phase === 'open') this.#deps.wire.resume();
    this.wake();
  }

  finish(last: readonly Frames[]): void {
    if (this.#phase !== 'open') return;
    for (const message of last) this.#write(message);
    this.#beginEnd();
    this.#deps.wire.end();
  }

  refuse(error: unknown): void {
    if (this.#phase !== 'open') return;
    this.#beginEnd();
    this.#deps.wire.refuse(error);
  }

  closed(): void {
    this.#phase = 'over';
    this.#stopAckTimer();
    this.#cutTimer?.stop();
    this.#over.resolve();
  }

  get #pulls(): boolean {
    return this.#phase === 'open' && !this.#isHalted;
  }

  #isBlocked(): boolean {
    return this.#pendingBytes >= this.#deps.maxPendingBytes;
  }

  #runOnce(): void {
    this.#isScheduled = false;
    if (!this.#pulls) return;
    this.#pullAll();
    // Whoever takes nothing does not hear acknowledgements either; they would pile up.
    if (!this.#isBlocked()) this.#acknowledge();
  }

  #pullAll(): void {
    while (!this.#isBlocked() && this.#pullOnce(false));
  }

  #pullOnce(ackNow: boolean): boolean {
    const message = this.#source?.pull(this.id, ackNow);
    if (message === undefined) return false;
    this.#stopAckTimer();
    this.#write(message);
    return true;
  }

  #acknowledge(): void {
    switch (this.#source?.ackUrgency()) {
      case 'now':
        this.#pullOnce(true);
        break;
      case 'soon':
        this.#ackTimer ??= this.#deps.clock.after(this.#deps.ackDelayMs, () => {
          this.#ackTimer = undefined;
          if (this.#pulls && !this.#isBlocked()) this.#pullOnce(true);
        });
        break;
      case 'none':
      case undefined:
        break;
    }
  }

  #write(message: Frames): void {
    if (this.#phase === 'over') return;
    const bytes = Frames.encode(message).finish();
    this.#pendingBytes += bytes.length;
    this.#deps.wire.write(bytes, () => {
      const wasBlocked = this.#isBlocked();
      this.#pendingBytes -= bytes.length;
      if (wasBlocked && !this.#isBlocked()) this.wake();
    });
  }

  #stopAckTimer(): void {
    this.#ackTimer?.stop();
    this.#ackTimer = undefined;
  }

  #beginEnd(): void {
    this.#phase = 'ending';
    this.#stopAckTimer();
    this.#cutTimer = this.#deps.clock.after(this.#deps.endLimitMs, () => this.#deps.wire.cut());
    // Something has to read, or the end of the RPC is never noticed.
    this.#deps.wire.resume();
  }
}

import { Metadata, status } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { DrainPhase, type Frames } from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from '#session/client/client-link.js';
import { openAttachTransport, type AttachTransport } from './attach-transport.js';
import type { ChannelLease } from '../connect/channel-pool.js';
import { createLiveness, type Liveness, type LivenessOptions } from '../connect/liveness.js';
import type { RpcStatus } from '#common/grpc/grpc-status.js';

/** How one attachment ended. */
export interface AttachmentResult {
  /** The status; for a cut of our own a made-up UNAVAILABLE. */
  readonly rpc: RpcStatus;
  /** Set when the peer broke the protocol. */
  readonly violation: PaneletError | undefined;
  /** Time since the welcome, in milliseconds; undefined when none had come. */
  readonly livedMs: number | undefined;
  /** True when the worker had said READY. */
  readonly ready: boolean;
}

/** What one attachment is made with. */
export interface AttachmentDeps {
  readonly link: ClientLink;
  readonly lease: ChannelLease;
  readonly metadata: Metadata;
  readonly nonce: string;
  /** True for the next attachment, beside the current one. */
  readonly moves: boolean;
  readonly clock: Clock;
  /** Time until the welcome, in milliseconds. */
  readonly attachTimeoutMs: number;
  readonly liveness: LivenessOptions;
  /** Called for each message, with what it brought; nothing after `ended`. */
  readonly received: (effects: readonly ClientEffect[]) => void;
  readonly ended: (result: AttachmentResult) => void;
  /** Round trip of a ping, in milliseconds. */
  readonly pinged: (ms: number) => void;
  /** A ping goes unanswered; or, with false, something has come after all. */
  readonly silent: (isSilent: boolean) => void;
}

// Rule R5: an acknowledgement waits at most this long for data to ride on.
const ackDelayMs = 25;
// After READY the status follows at once; an agent that hangs does not send it.
const readyTimeoutMs = 3000;
// What the worker has sent before the Welcome of the next one is here by then, or comes over that one.
const formerTimeoutMs = 2000;

/** One Attach RPC, driven. It opens at once and sends the hello. */
export class Attachment {
  readonly #deps: AttachmentDeps;
  readonly #transport: AttachTransport;
  readonly #liveness: Liveness;
  #over = false;
  #leaving = false;
  /** The transport takes no more until it says that it is writable. */
  #blocked = false;
  /** A flush is due at the end of this turn of the event loop. */
  #scheduled = false;
  /** The worker has said READY. */
  #ready = false;
  /** Another one is current now. */
  #isFormer = false;
  #isSilent = false;
  #attachedAtMs: number | undefined;
  #ackTimer: Timer | undefined;
  #deadline: Timer | undefined;
  readonly #flushAck = (): void => {
    this.#ackTimer = undefined;
    if (!this.#over && this.#deps.link.endpoint.ackUrgency() !== 'none') this.#flush(true);
  };

  constructor(deps: AttachmentDeps) {
    this.#deps = deps;
    const { link, clock, attachTimeoutMs, nonce, moves } = deps;
    this.#liveness = createLiveness({
      clock,
      options: deps.liveness,
      ping: (number) => this.#send(link.ping(number)),
      silent: () => this.#tellSilent(true),
      answering: () => this.#tellSilent(false),
      dead: () => this.#cut('no answer to a ping'),
      answered: deps.pinged,
    });
    this.#transport = openAttachTransport(deps.lease.client, deps.metadata, {
      message: (message) => this.#take(message),
      writable: () => {
        this.#blocked = false;
        this.#flush(false);
      },
      ended: (rpc) => this.#end(rpc),
    });
    this.#deadline = clock.after(attachTimeoutMs, () => this.#cut(`no welcome within ${attachTimeoutMs} ms`));
    this.#send(link.hello(nonce, { moves }));
  }

  /** There may be something to send; goes out at the end of this turn of the event loop. */
  poke(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush(false);
    });
  }

  /** Sends what there is and a detach frame, and ends this direction. */
  leave(): void {
    this.#flush(true);
    this.#leaving = true;
    this.#transport.send(this.#deps.link.leave());
    this.#transport.finish();
  }

  /** Another attachment is current now: this one is only read, until it ends or for two seconds. */
  outlive(): void {
    this.#isFormer = true;
    this.#ackTimer?.stop();
    this.#liveness.stop();
    if (this.#isSilent) this.#tellSilent(false);
    this.#deadline?.stop();
    this.#deadline = this.#deps.clock.after(formerTimeoutMs, () => this.#cut('another attachment is current'));
  }

  /** Cuts it. `ended` is not called any more. */
  stop(): void {
    this.#close();
    this.#transport.cancel();
  }

  #take(message: Frames): void {
    if (!this.#isFormer) this.#liveness.heard();
    let effects: readonly ClientEffect[];
    try {
      effects = this.#deps.link.receive(this.#leaving ? withoutNumbered(message) : message, this.#deps.nonce);
    } catch (error) {
      const violation = PaneletError.from(error);
      this.#cut(violation.message, violation);
      return;
    }
    for (const effect of effects) this.#act(effect);
    this.#deps.received(effects);
    this.poke();
  }

  #act(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'welcomed':
        this.#attachedAtMs = this.#deps.clock.nowMs();
        this.#deadline?.stop();
        this.#liveness.start();
        return;
      case 'send':
        this.#send(effect.message);
        return;
      case 'pong':
        this.#liveness.answered(effect.nonce);
        return;
      case 'drain':
        if (effect.drain.phase !== DrainPhase.READY) return;
        this.#ready = true;
        this.#endWithin(readyTimeoutMs, () => this.#cut('no status after READY'));
        return;
      case 'detach':
        this.#endWithin(readyTimeoutMs, () => {
          this.#transport.cancel();
          this.#end(ownStatus(status.OK, ''));
        });
        return;
      case 'lost':
      case 'move':
      case 'snapshot':
        return;
    }
  }

  #flush(ackNow: boolean): void {
    const { link, nonce } = this.#deps;
    if (this.#over || this.#leaving || link.attachedAs !== nonce) return;
    const { endpoint } = link;
    let ack = ackNow || endpoint.ackUrgency() === 'now';
    while (!this.#blocked) {
      const message = endpoint.pull(ack);
      if (message === undefined) break;
      ack = false;
      this.#send(message);
    }
    if (endpoint.ackUrgency() === 'soon') this.#ackTimer ??= this.#deps.clock.after(ackDelayMs, this.#flushAck);
  }

  #send(message: Frames): void {
    if (!this.#transport.send(message)) this.#blocked = true;
  }

  #endWithin(limitMs: number, end: () => void): void {
    // A former one has its time already.
    if (this.#isFormer) return;
    this.#deadline?.stop();
    this.#deadline = this.#deps.clock.after(limitMs, end);
  }

  #tellSilent(isSilent: boolean): void {
    this.#isSilent = isSilent;
    this.#deps.silent(isSilent);
  }

  #cut(details: string, violation?: PaneletError): void {
    this.#transport.cancel();
    this.#end(ownStatus(status.UNAVAILABLE, details), violation);
  }

  #end(rpc: RpcStatus, violation?: PaneletError): void {
    if (this.#over) return;
    this.#close();
    const livedMs = this.#attachedAtMs === undefined ? undefined : this.#deps.clock.nowMs() - this.#attachedAtMs;
    this.#deps.ended({ rpc, violation, livedMs, ready: this.#ready });
  }

  #close(): void {
    this.#over = true;
    this.#ackTimer?.stop();
    this.#deadline?.stop();
    this.#liveness.stop();
  }
}

/** What counts behind a word of leaving: the acknowledgement before it was the last, so data are for whoever resumes, who gets them again. */
function withoutNumbered(message: Frames): Frames {
  return { ...message, frames: message.frames.filter(({ seq }) => seq === 0) };
}

/** A status that no peer has sent. */
function ownStatus(code: status, details: string): RpcStatus {
  return { code, details, metadata: new Metadata() };
}

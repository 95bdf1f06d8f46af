import { Metadata, status } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { DrainPhase, type Frames } from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from '#session/client/client-link.js';
import { openAttachTransport } from './attach-transport.js';
import type { ChannelLease } from '../connect/channel-pool.js';
import { createLiveness, type LivenessOptions } from '../connect/liveness.js';
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

/** One Attach RPC, driven. */
export interface Attachment {
  /** There may be something to send; goes out at the end of this turn of the event loop. */
  poke(): void;
  /** Sends what there is and a detach frame, and ends this direction. */
  leave(): void;
  /** Cuts it. `ended` is not called any more. */
  stop(): void;
}

// Rule R5: an acknowledgement waits at most this long for data to ride on.
const ackDelayMs = 25;
// After READY the status follows at once; an agent that hangs does not send it.
const readyTimeoutMs = 3000;

/** Opens an attachment and sends the hello. */
export function openAttachment(deps: AttachmentDeps): Attachment {
  const { link, clock } = deps;
  let over = false;
  let leaving = false;
  let blocked = false;
  let scheduled = false;
  let ready = false;
  let attachedAtMs: number | undefined;
  let ackTimer: Timer | undefined;
  let deadline: Timer | undefined;

  const stop = (): void => {
    over = true;
    ackTimer?.stop();
    deadline?.stop();
    liveness.stop();
  };
  const end = (rpc: RpcStatus, violation?: PaneletError): void => {
    if (over) return;
    stop();
    const livedMs = attachedAtMs === undefined ? undefined : clock.nowMs() - attachedAtMs;
    deps.ended({ rpc, violation, livedMs, ready });
  };
  const cut = (details: string, violation?: PaneletError): void => {
    transport.cancel();
    end({ code: status.UNAVAILABLE, details, metadata: new Metadata() }, violation);
  };
  const send = (message: Frames): void => {
    if (!transport.send(message)) blocked = true;
  };
  const liveness = createLiveness({
    clock,
    options: deps.liveness,
    ping: (nonce) => send(link.ping(nonce)),
    silent: () => deps.silent(true),
    answering: () => deps.silent(false),
    dead: () => cut('no answer to a ping'),
    answered: deps.pinged,
  });

  const flush = (ackNow: boolean): void => {
    if (over || leaving || attachedAtMs === undefined) return;
    let ack = ackNow || link.endpoint.ackUrgency() === 'now';
    while (!blocked) {
      const message = link.endpoint.pull(ack);
      if (message === undefined) break;
      ack = false;
      send(message);
    }
    if (link.endpoint.ackUrgency() === 'soon') ackTimer ??= clock.after(ackDelayMs, flushAck);
  };
  const flushAck = (): void => {
    ackTimer = undefined;
    if (!over && link.endpoint.ackUrgency() !== 'none') flush(true);
  };
  const poke = (): void => {
    if (scheduled || over) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush(false);
    });
  };

  const note = (effect: ClientEffect): void => {
    switch (effect.kind) {
      case 'welcomed':
        attachedAtMs = clock.nowMs();
        deadline?.stop();
        liveness.start();
        return;
      case 'send': {
        send(effect.message);
        return;
      }
      case 'pong': {
        liveness.answered(effect.nonce);
        return;
      }
      case 'drain':
        if (effect.drain.phase !== DrainPhase.READY) return;
        ready = true;
        deadline = clock.after(readyTimeoutMs, () => cut('no status after READY'));
        return;
      case 'detach':
        deadline = clock.after(readyTimeoutMs, () => end({ code: status.OK, details: '', metadata: new Metadata() }));
        return;
      case 'lost':
      case 'snapshot':
        return;
    }
  };
  const take = (message: Frames): void => {
    liveness.heard();
    let effects: readonly ClientEffect[];
    try {
      effects = link.receive(message);
    } catch (error) {
      const violation = PaneletError.from(error);
      cut(violation.message, violation);
      return;
    }
    effects.forEach(note);
    deps.received(effects);
    poke();
  };

  const transport = openAttachTransport(deps.lease.client, deps.metadata, {
    message: take,
    writable: () => {
      blocked = false;
      flush(false);
    },
    ended: (rpc) => end(rpc),
  });
  deadline = clock.after(deps.attachTimeoutMs, () => cut(`no welcome within ${deps.attachTimeoutMs} ms`));
  send(link.hello(deps.nonce));

  return {
    poke,
    leave: () => {
      flush(true);
      leaving = true;
      transport.send(link.leave());
      transport.finish();
    },
    stop: () => {
      stop();
      transport.cancel();
    },
  };
}

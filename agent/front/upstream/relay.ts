import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { createContainment, type Containment, type Guard } from '../stream/contain.js';
import { endSession } from '../stream/end-session.js';
import { endInError } from '../stream/status.js';
import { AnswerRelay, type AnswerOptions } from './answer-relay.js';
import { cancel, ignore, pump, type StreamPair } from './stream-pair.js';

/** Two streams to join. */
export interface RelayOptions extends RelayTold, AnswerOptions {
  readonly client: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  /** What was read from the client already. */
  readonly head?: Buffer;
}

/** Who is told of what goes wrong in relays. */
export interface RelayTold extends Pick<AnswerOptions, 'said' | 'onDropped'> {
  /** Takes exceptions of handlers; they end the client's stream with INTERNAL. @default a silent one */
  readonly containment?: Containment;
}

/**
 * Relays one RPC without decoding it, with backpressure both ways: a full side pauses the other, and flow control of
 * HTTP/2 stops the sender.
 *
 * A cut never delivers half a message as a whole one: every message says its length in front, a receiver hands it on
 * only when all of it has arrived, and the end of a direction (END_STREAM, trailers) is passed on only when the sender
 * ended it itself. Whatever else ends a stream becomes CANCEL towards the worker and UNAVAILABLE towards the client.
 *
 * An answer ends its own stream at most: what is no answer of gRPC becomes a status, and headers that do not belong into
 * one are dropped. Never throws, and no handler of it does.
 */
export function relay(options: RelayOptions): void {
  const { client, upstream, head, containment = createContainment() } = options;
  const pair: StreamPair = { client, upstream, containment, guard: guardOf(client, upstream, containment) };
  pair.guard(() => {
    // Their codes say more than the errors do; 'close' follows.
    client.on('error', ignore);
    upstream.on('error', ignore);
    relayRequest(pair);
    new AnswerRelay(pair, options).begin();
    if (head !== undefined) upstream.write(head);
  })();
}

function guardOf(client: ServerHttp2Stream, upstream: ClientHttp2Stream, containment: Containment): Guard {
  const orDestroy = containment.contain(() => upstream.destroy());
  const orCut = containment.contain(() => endSession({ session: client.session }));
  return containment.contain(() => {
    orDestroy(() => cancel(upstream))();
    orCut(() => endInError(client, containment))();
  });
}

function relayRequest({ client, upstream, guard }: StreamPair): void {
  pump(client, upstream, guard);
  client.on(
    'end',
    guard(() => {
      // A reset ends the readable side too; only a stream that is still open was ended by its sender.
      if (!client.closed && upstream.writable) upstream.end();
    }),
  );
  const cancelled = guard(() => cancel(upstream));
  client.on('aborted', cancelled);
  client.on('close', cancelled);
}

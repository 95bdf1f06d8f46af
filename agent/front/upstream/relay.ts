import {
  constants,
  type ClientHttp2Stream,
  type Http2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import { endSession } from '../stream/end-session.js';
import { judgeAnswer, judgeTrailers, type AnswerHeaders, type PassedBlock } from '../stream/answer.js';
import { createContainment, type Containment, type Guard } from '../stream/contain.js';
import { endInError, endWithTrailers, refuse, respondAtOnce } from '../stream/status.js';

/** Two streams to join. */
export interface RelayOptions extends RelayTold {
  readonly client: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  /** What was read from the client already. */
  readonly head?: Buffer;
  /** Keys of response metadata that the worker named; see `metadataKeysOf`. @default none */
  readonly passedKeys?: ReadonlySet<string>;
}

/** Who is told of what goes wrong in relays. */
export interface RelayTold {
  /** Takes exceptions of handlers; they end the client's stream with INTERNAL. @default a silent one */
  readonly containment?: Containment;
  /** What the end of every answer says besides, over what a worker says. @default nothing */
  readonly said?: OutgoingHttpHeaders;
  /** Told how many headers of an answer were dropped that a worker must not send. */
  readonly onDropped?: (count: number) => void;
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
  const pair: Pair = { client, upstream, containment, guard: guardOf(client, upstream, containment) };
  pair.guard(() => {
    // Their codes say more than the errors do; 'close' follows.
    client.on('error', ignore);
    upstream.on('error', ignore);
    relayRequest(pair);
    relayAnswer(pair, options);
    if (head !== undefined) upstream.write(head);
  })();
}

interface Pair {
  readonly client: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  readonly containment: Containment;
  /** For every handler of the two streams: an exception ends both. */
  readonly guard: Guard;
}

function guardOf(client: ServerHttp2Stream, upstream: ClientHttp2Stream, containment: Containment): Guard {
  const orDestroy = containment.contain(() => upstream.destroy());
  const orCut = containment.contain(() => endSession({ session: client.session }));
  return containment.contain(() => {
    orDestroy(() => cancel(upstream))();
    orCut(() => endInError(client, containment))();
  });
}

const ignore = (): void => undefined;

function relayRequest({ client, upstream, guard }: Pair): void {
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

const maxInformational = 16;
const neverBegins = statusOf(
  new PaneletError('ANSWER_INVALID', 'The worker sends informational answers without end, and no answer.'),
);

type Answer = Pick<RelayOptions, 'passedKeys' | 'onDropped' | 'said'>;

function relayAnswer(pair: Pair, { passedKeys = new Set(), onDropped, said = {} }: Answer): void {
  const { client, upstream, containment, guard } = pair;
  let trailers: IncomingHttpHeaders = {};
  let finished = false;
  // Tells the client how the call ended, once, and leaves the worker.
  const finish = (answer: () => void, leave: (stream: ClientHttp2Stream) => void): void => {
    if (finished) return;
    finished = true;
    leave(upstream);
    if (client.destroyed || client.closed) return;
    answer();
    client.resume();
  };
  const counted = ({ headers, dropped }: PassedBlock): PassedBlock['headers'] => {
    if (dropped > 0) onDropped?.(dropped);
    return headers;
  };
  // Informational blocks (1xx) are dropped. They are under no flow control: without a bound a worker keeps the thread busy.
  let informational = 0;
  upstream.on(
    'headers',
    guard(() => {
      if (++informational > maxInformational) finish(() => refuse(client, neverBegins, containment), cancel);
    }),
  );
  upstream.on(
    'response',
    guard((headers: AnswerHeaders, flags: number) => {
      if (client.destroyed || client.closed || client.headersSent) return;
      const endsStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      const judged = judgeAnswer(headers, { endsStream, passedKeys });
      if (judged.kind === 'refused') {
        finish(() => refuse(client, judged.status, containment), cancel);
      } else if (judged.kind === 'ends') {
        finish(() => respondAtOnce(client, { ...counted(judged.block), ...said }, containment), part);
      } else {
        client.respond(counted(judged.block), { waitForTrailers: true });
        pump(upstream, client, guard);
      }
    }),
  );
  upstream.on(
    'trailers',
    guard((headers: IncomingHttpHeaders) => {
      trailers = headers;
    }),
  );
  const ended = (): void => {
    if (client.headersSent) {
      endWithTrailers(client, { ...counted(judgeTrailers(trailers, passedKeys)), ...said }, containment);
    } else {
      refuse(client, lostStatus(upstream.rstCode), containment);
    }
  };
  upstream.on(
    'end',
    guard(() => finish(ended, part)),
  );
  upstream.on(
    'close',
    guard(() => finish(() => refuse(client, lostStatus(upstream.rstCode), containment), ignore)),
  );
}

/** Ends a stream to a worker; what came already is read, or the stream would wait for its reader for ever. */
function cancel(upstream: ClientHttp2Stream): void {
  upstream.resume();
  if (!upstream.closed && !upstream.destroyed) upstream.close(constants.NGHTTP2_CANCEL);
}

/**
 * Leaves a worker that has ended its half: what the client still sends is not for it any more. The end of our half is
 * no reset, of which a worker takes only so many; what waits for its window would hold that up.
 */
function part(upstream: ClientHttp2Stream): void {
  upstream.resume();
  if (upstream.writableLength > 0) cancel(upstream);
  else if (upstream.writable) upstream.end();
}

// Node asks for a pause at 16 KiB, which is once for every larger chunk; pausing costs more than these bytes.
const bufferLimitBytes = 64 * 1024;

function pump(from: Http2Stream, to: Http2Stream, guard: Guard): void {
  from.on(
    'data',
    guard((chunk: Buffer) => {
      // The receiver has ended or gone; what still comes is discarded.
      if (!to.writable) return;
      if (!to.write(chunk) && to.writableLength >= bufferLimitBytes) from.pause();
    }),
  );
  to.on(
    'drain',
    guard(() => from.resume()),
  );
  // It was paused behind the first message.
  from.resume();
}

function lostStatus(rstCode: number | undefined): RpcStatus {
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
    const message = 'The worker refused the stream, or answered with more headers than the agent takes.';
    return statusOf(new PaneletError('LIMIT_EXCEEDED', message));
  }
  const message = 'The connection to the worker was lost. The session is kept where the worker lives; attach again.';
  return statusOf(new PaneletError('WORKER_UNAVAILABLE', message), { retryAfterMs: 0 });
}

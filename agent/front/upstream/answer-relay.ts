import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import { judgeAnswer, judgeTrailers, type AnswerHeaders, type PassedBlock } from '../stream/answer.js';
import { endWithTrailers, refuse, respondAtOnce } from '../stream/status.js';
import { cancel, ignore, pump, type StreamPair } from './stream-pair.js';

/** What an answer may bring, and what is said besides. */
export interface AnswerOptions {
  /** Keys of response metadata that the worker named; see `metadataKeysOf`. @default none */
  readonly passedKeys?: ReadonlySet<string>;
  /** What the end of every answer says besides, over what a worker says. @default nothing */
  readonly said?: OutgoingHttpHeaders;
  /** Told how many headers of an answer were dropped that a worker must not send. */
  readonly onDropped?: (count: number) => void;
}

// Informational blocks (1xx) are dropped. They are under no flow control: without a bound a worker keeps the thread busy.
const maxInformational = 16;
const neverBegins = statusOf(
  new PaneletError('ANSWER_INVALID', 'The worker sends informational answers without end, and no answer.'),
);

const noKeys: ReadonlySet<string> = new Set();
const nothing: OutgoingHttpHeaders = {};

/** Takes a worker's answer to the client, and tells the client how the call ended, once. */
export class AnswerRelay {
  readonly #pair: StreamPair;
  readonly #passedKeys: ReadonlySet<string>;
  readonly #said: OutgoingHttpHeaders;
  readonly #onDropped: ((count: number) => void) | undefined;
  #trailers: IncomingHttpHeaders = {};
  #informational = 0;
  #isFinished = false;

  constructor(pair: StreamPair, { passedKeys = noKeys, onDropped, said = nothing }: AnswerOptions) {
    this.#pair = pair;
    this.#passedKeys = passedKeys;
    this.#said = said;
    this.#onDropped = onDropped;
  }

  /** Listens to the worker's stream until it is over. */
  begin(): void {
    const { upstream, guard } = this.#pair;
    const headers = guard(() => this.#countInformational());
    const response = guard((block: AnswerHeaders, flags: number) => this.#respond(block, flags));
    const trailers = guard((block: IncomingHttpHeaders) => void (this.#trailers = block));
    const end = guard(() => this.#finish(() => this.#end(), part));
    const close = guard(() => this.#finish(() => this.#refuse(lostStatus(upstream.rstCode)), ignore));
    upstream.on('headers', headers);
    upstream.on('response', response);
    upstream.on('trailers', trailers);
    upstream.on('end', end);
    upstream.on('close', close);
  }

  #countInformational(): void {
    if (++this.#informational > maxInformational) this.#finish(() => this.#refuse(neverBegins), cancel);
  }

  #respond(headers: AnswerHeaders, flags: number): void {
    const { client, upstream, containment, guard } = this.#pair;
    if (client.destroyed || client.closed || client.headersSent) return;
    const endsStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const judged = judgeAnswer(headers, { endsStream, passedKeys: this.#passedKeys });
    if (judged.kind === 'refused') {
      this.#finish(() => this.#refuse(judged.status), cancel);
    } else if (judged.kind === 'ends') {
      const answer = (): void => respondAtOnce(client, { ...this.#counted(judged.block), ...this.#said }, containment);
      this.#finish(answer, part);
    } else {
      client.respond(this.#counted(judged.block), { waitForTrailers: true });
      pump(upstream, client, guard);
    }
  }

  #end(): void {
    const { client, upstream, containment } = this.#pair;
    if (client.headersSent) {
      const trailers = this.#counted(judgeTrailers(this.#trailers, this.#passedKeys));
      endWithTrailers(client, { ...trailers, ...this.#said }, containment);
    } else {
      this.#refuse(lostStatus(upstream.rstCode));
    }
  }

  #refuse(status: RpcStatus): void {
    refuse(this.#pair.client, status, this.#pair.containment);
  }

  /** Tells the client how the call ended, unless it was told, and leaves the worker. */
  #finish(answer: () => void, leave: (stream: ClientHttp2Stream) => void): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { client, upstream } = this.#pair;
    leave(upstream);
    if (client.destroyed || client.closed) return;
    answer();
    client.resume();
  }

  #counted({ headers, dropped }: PassedBlock): PassedBlock['headers'] {
    if (dropped > 0) this.#onDropped?.(dropped);
    return headers;
  }
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

function lostStatus(rstCode: number | undefined): RpcStatus {
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
    const message = 'The worker refused the stream, or answered with more headers than the agent takes.';
    return statusOf(new PaneletError('LIMIT_EXCEEDED', message));
  }
  const message = 'The connection to the worker was lost. The session is kept where the worker lives; attach again.';
  return statusOf(new PaneletError('WORKER_UNAVAILABLE', message), { retryAfterMs: 0 });
}

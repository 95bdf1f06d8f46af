import { status } from '@grpc/grpc-js';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import { prefixedMessage } from '#common/grpc/grpc-message.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { HealthView } from '#common/grpc/health.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '#grpc/health/v1/health.js';
import type { ClientConnection } from '../connection/client-connection.js';
import { createFairShares } from '../turns/fair-shares.js';
import { readFirstMessage } from './read-first-message.js';
import { endWithTrailers, plainStatus, refuse } from '../stream/status.js';

/** A call of `grpc.health.v1.Health`. */
export interface HealthCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly connection: ClientConnection;
  /** Name of the method. */
  readonly method: string;
}

/** What answering health needs. */
export interface HealthCallsDeps {
  readonly health: HealthView;
  readonly clock: Clock;
  /** Time for a request. */
  readonly requestMs: number;
  /** Most watches. @default 1024 */
  readonly maxWatches?: number;
}

/** Answers calls of the health service. */
export interface HealthCalls {
  /** Rejects with the PaneletError that the client is to be told. */
  readonly handle: (call: HealthCall) => Promise<void>;
  /** Watches that are open. */
  readonly watches: number;
}

interface Watch {
  readonly stream: ServerHttp2Stream;
  readonly service: string;
}

const methods: ReadonlySet<string> = new Set(['Check', 'List', 'Watch']);
// A request holds the full name of a service.
const maxRequestBytes = 1024;

/**
 * Health is answered in the front, from memory: it is asked by strangers, and nothing they ask for may cost those behind it.
 * When there are too many watches, the connection that has most of them loses its oldest.
 */
export function createHealthCalls(deps: HealthCallsDeps): HealthCalls {
  const { health, maxWatches = 1024 } = deps;
  const watches = createFairShares<Watch>({ items: maxWatches }, ({ stream }) =>
    refuse(
      stream,
      statusOf(new PaneletError('LIMIT_EXCEEDED', 'There are too many watches, most of them on this connection.')),
    ),
  );
  health.subscribe((service, now) => {
    for (const watch of watches.items()) if (watch.service === service) say(watch.stream, now);
  });
  const watch = ({ stream, connection }: HealthCall, service: string): void => {
    const entry: Watch = { stream, service };
    watches.add(entry, String(connection.id));
    stream.once('close', () => watches.remove(entry));
    begin(stream);
    say(stream, health.status(service) ?? ServingStatus.SERVICE_UNKNOWN);
  };
  const answer = (call: HealthCall, request: Buffer): void => {
    const { stream, method } = call;
    if (stream.destroyed || stream.closed) return;
    if (method === 'List') {
      const entries = [...health.all()].map(([name, value]) => [name, { status: value }] as const);
      finish(stream, HealthListResponse.encode({ statuses: Object.fromEntries(entries) }).finish());
      return;
    }
    const { service } = decode(request);
    if (method === 'Watch') watch(call, service);
    else {
      const found = health.status(service);
      if (found === undefined) refuse(stream, plainStatus(status.NOT_FOUND, 'There is no such service.'));
      else finish(stream, HealthCheckResponse.encode({ status: found }).finish());
    }
  };
  return {
    get watches() {
      return watches.size;
    },
    handle: async (call) => {
      const { stream, method, connection } = call;
      if (!methods.has(method)) {
        refuse(stream, plainStatus(status.UNIMPLEMENTED, 'Health has no such method.'));
        return;
      }
      const error = (): PaneletError => new PaneletError('FRAME_INVALID', 'No complete request arrived in time.');
      const bounds = { clock: deps.clock, limitMs: deps.requestMs, error, signals: [connection.signal] };
      const first = await withDeadline(bounds, (signal) =>
        readFirstMessage(call, { limitBytes: maxRequestBytes, signal }),
      );
      stream.resume();
      answer(call, first.message());
    },
  };
}

function decode(request: Buffer): HealthCheckRequest {
  try {
    return HealthCheckRequest.decode(request);
  } catch (cause) {
    throw new PaneletError('FRAME_INVALID', 'The request is not a HealthCheckRequest.', { cause });
  }
}

function begin(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
}

function say(stream: ServerHttp2Stream, now: ServingStatus): void {
  if (!stream.destroyed && !stream.closed)
    stream.write(prefixedMessage(HealthCheckResponse.encode({ status: now }).finish()));
}

function finish(stream: ServerHttp2Stream, message: Uint8Array): void {
  begin(stream);
  stream.write(prefixedMessage(message));
  endWithTrailers(stream, { 'grpc-status': status.OK });
}

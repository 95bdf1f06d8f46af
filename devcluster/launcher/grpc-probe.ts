import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { messagePrefixBytes, prefixedMessage } from '#common/grpc/grpc-message.js';
import { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus } from '#grpc/health/v1/health.js';
import { messageOf } from '#common/errors/errors.js';

/** Whom a probe of the kind `grpc` asks, and about what. */
export interface GrpcProbe {
  /** Host and port. */
  readonly address: string;
  /** Name of the service; empty for the whole server. */
  readonly service: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const headers = {
  ':method': 'POST',
  ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/**
 * Asks the health service over a connection that is gone afterwards, whatever the server does with it: a server that starts may
 * answer late. (A channel of grpc-js leaves such a connection open.) Never throws: a failure is its sentence, undefined is success.
 */
export async function probeGrpc({ address, service, timeoutMs, clock }: GrpcProbe): Promise<string | undefined> {
  const session = connect(`http://${address}`);
  try {
    const error = (): Error => new Error(`timeout: no answer within ${timeoutMs} ms`);
    return await withDeadline({ clock, limitMs: timeoutMs, error }, () => ask(session, service));
  } catch (error) {
    return `gRPC probe failed: ${messageOf(error)}`;
  } finally {
    session.destroy();
  }
}

function ask(session: ClientHttp2Session, service: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request(headers);
    const chunks: Buffer[] = [];
    let status = 'none';
    const read = (block: IncomingHttpHeaders): void => {
      const said = block['grpc-status'];
      if (typeof said === 'string') status = said;
    };
    stream.on('error', reject);
    stream.once('response', read);
    stream.once('trailers', read);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('close', () => {
      if (status !== '0') reject(new Error(`rpc error: code = ${status}`));
      else resolve(judge(Buffer.concat(chunks)));
    });
    stream.end(prefixedMessage(HealthCheckRequest.encode({ service }).finish()));
  });
}

function judge(answer: Buffer): string | undefined {
  const { status } = HealthCheckResponse.decode(answer.subarray(messagePrefixBytes));
  if (status === HealthCheckResponse_ServingStatus.SERVING) return undefined;
  return `service unhealthy (responded with "${HealthCheckResponse_ServingStatus[status]}")`;
}

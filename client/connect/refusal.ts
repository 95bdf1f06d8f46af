import { status, type Client } from '@grpc/grpc-js';
import type { RpcStatus } from '#common/grpc/grpc-status.js';
import { unaryCall } from '#common/grpc/unary-call.js';
import type { Clock } from '#common/time/clock.js';
import { statusOfError } from './status-errors.js';

// Which every agent answers to everybody; a request about no service in particular is empty.
const healthCheck = '/grpc.health.v1.Health/Check';
const limitMs = 500;

/**
 * The status that calls get on a channel whose connection was refused, which the channel alone does not tell; undefined where it has
 * come about by now.
 */
export async function refusalOf(client: Client, clock: Clock): Promise<RpcStatus | undefined> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const deadline = new Date(clock.date().getTime() + limitMs);
  try {
    await unaryCall<Buffer | undefined>(
      (metadata, options, callback) =>
        client.makeUnaryRequest(healthCheck, asIs, asIs, Buffer.alloc(0), metadata, options, callback),
      { deadline },
    );
    return undefined;
  } catch (error) {
    const rpc = statusOfError(error);
    return rpc.code === status.UNIMPLEMENTED ? undefined : rpc;
  }
}

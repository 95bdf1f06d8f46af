import type { CallOptions, ClientUnaryCall, Metadata } from '@grpc/grpc-js';
import { unaryCall, type UnaryCallback } from '#common/grpc/unary-call.js';
import { clientErrorOf, statusOfError } from '../connect/status-errors.js';

/** A generated unary method, bound to its client. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: UnaryCallback<Response>,
) => ClientUnaryCall;

/** Where and how a unary call goes. */
export interface UnaryContext {
  readonly address: string;
  readonly metadata: Metadata;
  /** Date after which the call fails with TIMEOUT. */
  readonly deadline: Date;
}

/**
 * One unary call as a promise.
 * @throws PaneletError as `clientErrorOf` maps it.
 */
export async function callUnary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  context: UnaryContext,
): Promise<Response> {
  try {
    return await unaryCall<Response>((...rest) => method(request, ...rest), context);
  } catch (error) {
    throw clientErrorOf(statusOfError(error), context.address);
  }
}

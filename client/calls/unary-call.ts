import type { CallOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import { clientErrorOf, statusOfError } from '../connect/status-errors.js';

/** A generated unary method, bound to its client. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
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
export function callUnary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  context: UnaryContext,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, context.metadata, { deadline: context.deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(clientErrorOf(statusOfError(error), context.address));
    });
  });
}

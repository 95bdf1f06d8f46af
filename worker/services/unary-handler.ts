import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Log } from '#common/log.js';
import { PaneletError } from '#common/errors/errors.js';

/** A unary handler from a function that answers or throws; errors become statuses in one way. */
export function unary<Request, Response>(
  log: Log,
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const run = async (): Promise<void> => {
      try {
        callback(null, await answer(call.request, call));
      } catch (error) {
        if (!(error instanceof PaneletError)) log.error({ err: error, method: call.getPath() }, 'A call failed');
        callback(statusOf(error));
      }
    };
    void run();
  };
}

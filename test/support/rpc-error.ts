import type { Metadata } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import { errorCodeOf, retryAfterKey, type FailedRpc } from '#common/grpc/grpc-status.js';

/** The PaneletError behind the error of an RPC, in the peer's own words. */
export function rpcErrorOf(error: FailedRpc): PaneletError {
  const code = errorCodeOf(error, 'worker');
  return new PaneletError(code, error.details ?? 'The call failed without a reason.', { cause: error });
}

/** How long the peer asks to wait before trying again, in milliseconds; undefined when it says nothing. */
export function retryAfterMsOf(metadata: Metadata | undefined): number | undefined {
  const value = Number(metadata?.get(retryAfterKey)[0]);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

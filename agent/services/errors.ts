import type { ServiceError, StatusObject } from '@grpc/grpc-js';
import { messageOf } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Log } from '#common/log.js';

/** What a handler answers when it fails: the worker's own status as it came, or the agent's. */
export function answerOf(error: unknown, log: Log): Partial<StatusObject> {
  if (isServiceError(error)) return { code: error.code, details: error.details, metadata: error.metadata };
  const status = statusOf(error);
  if (status.details !== messageOf(error)) log.error({ err: error }, 'Call failed');
  return status;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error && 'code' in error;
}

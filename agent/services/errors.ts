import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import type { Log } from '#common/log.js';
import { refusalOf, refusalMetadata } from '../front/status.js';

/** What a handler answers when it fails: the worker's own status as it came, or the agent's. */
export function statusOf(error: unknown, log: Log): Partial<StatusObject> {
  if (isServiceError(error)) return { code: error.code, details: error.details, metadata: error.metadata };
  const refusal = refusalOf(error);
  if (refusal.reason === 'INTERNAL') log.error({ err: error }, 'Call failed');
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(refusalMetadata(refusal))) metadata.set(key, value);
  return { code: refusal.code, details: refusal.message, metadata };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error && 'code' in error;
}

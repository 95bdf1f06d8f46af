import type { Metadata } from '@grpc/grpc-js';
import type { StatusDetails } from '#common/grpc/status-details.js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '#google/rpc/error_details.js';
import { Status } from '#google/rpc/status.js';

/** What the google.rpc.Status in trailing metadata says, read as any other client reads it. @throws when there is none */
export function readStatusDetails(metadata: Metadata): StatusDetails {
  const { code, message, details } = Status.decode(metadata.get('grpc-status-details-bin')[0] as Buffer);
  const valueOf = (name: string): Buffer | undefined =>
    details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value;
  const [retry, quota, bad] = [valueOf('RetryInfo'), valueOf('QuotaFailure'), valueOf('BadRequest')];
  const delay = retry && RetryInfo.decode(retry).retryDelay;
  const [violation] = quota === undefined ? [] : QuotaFailure.decode(quota).violations;
  const [badField] = bad === undefined ? [] : BadRequest.decode(bad).fieldViolations;
  return {
    code,
    message,
    reason: ErrorInfo.decode(valueOf('ErrorInfo') ?? Buffer.alloc(0)).reason,
    ...(delay && { retryAfterMs: delay.seconds * 1000 + delay.nanos / 1e6 }),
    ...(violation && { quota: { subject: violation.subject, description: violation.description } }),
    ...(badField && { badField: { field: badField.field, description: badField.description } }),
  };
}

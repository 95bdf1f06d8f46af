import type { Any } from '#google/protobuf/any.js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '#google/rpc/error_details.js';
import { Status } from '#google/rpc/status.js';
import { msToDuration } from '../time/duration.js';

/** What a google.rpc.Status says beyond its code, as grpc-status-details-bin carries it. */
export interface StatusDetails {
  /** gRPC status code. */
  readonly code: number;
  /** Sentence for a person. */
  readonly message: string;
  /** ErrorInfo.reason: an upper-case reason; its domain is always `panelet.dev`. */
  readonly reason: string;
  /** RetryInfo: when to try again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** QuotaFailure: which limit was hit. */
  readonly quota?: { readonly subject: string; readonly description: string };
  /** BadRequest: which field was wrong. */
  readonly badField?: { readonly field: string; readonly description: string };
}

/** Encodes a google.rpc.Status with the ErrorInfo, RetryInfo, QuotaFailure and BadRequest that apply. */
export function encodeStatusDetails({ code, message, ...known }: StatusDetails): Uint8Array {
  const details = [any('ErrorInfo', ErrorInfo.encode({ reason: known.reason, domain: 'panelet.dev', metadata: {} }))];
  if (known.retryAfterMs !== undefined) {
    details.push(any('RetryInfo', RetryInfo.encode({ retryDelay: msToDuration(known.retryAfterMs) })));
  }
  if (known.quota !== undefined) {
    details.push(any('QuotaFailure', QuotaFailure.encode(QuotaFailure.fromPartial({ violations: [known.quota] }))));
  }
  if (known.badField !== undefined) {
    details.push(any('BadRequest', BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [known.badField] }))));
  }
  return Status.encode({ code, message, details }).finish();
}

function any(name: string, value: { finish(): Uint8Array }): Any {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(value.finish()) };
}

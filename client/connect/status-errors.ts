import { Metadata, status } from '@grpc/grpc-js';
import { PaneletError, type ErrorCode, messageOf } from '#common/errors/errors.js';
import {
  answeringNodeOf,
  errorCodeOf,
  reasonOf,
  retryAfterKey,
  retryPushbackKey,
  type RpcStatus,
} from '#common/grpc/grpc-status.js';

/** What a peer said about trying again. */
export type RetryAdvice =
  { readonly kind: 'none' } | { readonly kind: 'never' } | { readonly kind: 'after'; readonly delayMs: number };

function firstValue(metadata: Metadata, key: string): string | undefined {
  return metadata.get(key)[0]?.toString();
}

/**
 * Advice in `grpc-retry-pushback-ms` (gRFC A6: a negative or unreadable value means "do not retry") or in
 * `panelet-retry-after-ms`.
 */
export function retryAdvice(rpc: RpcStatus): RetryAdvice {
  const pushback = firstValue(rpc.metadata, retryPushbackKey);
  const text = pushback ?? firstValue(rpc.metadata, retryAfterKey);
  if (text === undefined) return { kind: 'none' };
  const delayMs = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isFinite(delayMs) ? { kind: 'after', delayMs } : { kind: 'never' };
}

function unreachableAdvice(details: string): string {
  if (/altname/i.test(details)) {
    return 'Its certificate is for another name: check that the address leads to this agent, or say which name it has (--server-name).';
  }
  if (/certificate|self.signed|unable to (verify|get)/i.test(details)) {
    return 'Its certificate is not trusted: give the authority that signed it (--ca).';
  }
  if (/wrong version number|EPROTO|packet length/i.test(details)) {
    return 'It does not speak TLS: check the address, or ask for plaintext.';
  }
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/i.test(details))
    return 'The name does not resolve: check the address.';
  if (details.includes('ECONNREFUSED'))
    return 'Nothing listens there: check the address (PANELET_ADDRESS) and that the agent runs.';
  return 'Check the address (PANELET_ADDRESS), and that it is the port of a Panelet agent.';
}

function sentenceOf(code: ErrorCode, rpc: RpcStatus, address: string): string {
  switch (code) {
    case 'IDENTITY_MISSING':
      return `The agent at ${address} does not accept this token. Check PANELET_TOKEN or --token-file.`;
    case 'IDENTITY_REFUSED':
      return `The agent at ${address} does not allow this to your identity. Use a token with the role it needs.`;
    case 'AGENT_UNREACHABLE':
      return `The agent at ${address} cannot be reached. ${unreachableAdvice(rpc.details)}`;
    case 'VERSION_UNSUPPORTED':
      return `What answers at ${address} does not offer this call. Check that it is a Panelet agent of this version.`;
    case 'TIMEOUT':
      return `The agent at ${address} did not answer in time. Try again.`;
    case 'TRANSPORT_LOST':
      return `The connection to ${address} was cut. Try again.`;
    default:
      return `The agent at ${address} answered: ${rpc.details}`;
  }
}

/** The status behind an error. */
class StatusError extends Error {
  constructor(readonly rpc: RpcStatus) {
    super(`gRPC status ${status[rpc.code]}: ${rpc.details}`);
  }
}

/** The node whose agent gave an error of `clientErrorOf`, if it said so. */
export function answeringNodeOfError({ cause }: Error): string | undefined {
  return cause instanceof StatusError ? answeringNodeOf(cause.rpc.metadata) : undefined;
}

/**
 * The error of a status that is not OK. What an agent or worker says (`panelet-reason`, the message) is kept; the rest
 * gets a sentence that says what to do. The status itself is the cause.
 */
export function clientErrorOf(rpc: RpcStatus, address: string): PaneletError {
  const cause = new StatusError(rpc);
  const reason = reasonOf(rpc.metadata);
  if (reason !== undefined && rpc.details !== '') return new PaneletError(reason, rpc.details, { cause });
  const code = errorCodeOf(rpc, 'agent');
  return new PaneletError(code, sentenceOf(code, rpc, address), { cause });
}

/** A status from what grpc-js throws or calls back with. */
export function statusOfError(error: unknown): RpcStatus {
  const partial = (error ?? {}) as Partial<RpcStatus>;
  return {
    code: partial.code ?? status.UNKNOWN,
    details: partial.details ?? messageOf(error),
    metadata: partial.metadata ?? new Metadata(),
  };
}

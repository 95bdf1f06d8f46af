import { Metadata, status } from '@grpc/grpc-js';
import { errorCodes, PaneletError, type ErrorCode } from '../errors/errors.js';
import { encodeStatusDetails } from './status-details.js';
import { meaningOfStatus, type StatusPeer } from './status-meanings.js';

/** Trailing metadata key that carries the {@link ErrorCode}. */
export const reasonKey = 'panelet-reason';
/** Trailing metadata key that says how many milliseconds to wait before trying again. */
export const retryAfterKey = 'panelet-retry-after-ms';
/** The same in gRPC's own words (gRFC A6): a negative value means "do not retry". */
export const retryPushbackKey = 'grpc-retry-pushback-ms';

/** Trailing metadata key that names the node of the agent that answers; to callers who were verified. */
const nodeKey = 'panelet-node';

const detailsKey = 'grpc-status-details-bin';

// The table "Status codes at the edge" of docs/reference/session-protocol.md; codes that no edge sends are mapped too.
const statusByCode: Readonly<Record<ErrorCode, status>> = {
  AGENT_UNREACHABLE: status.UNAVAILABLE,
  ALREADY_RUNNING: status.FAILED_PRECONDITION,
  ANSWER_INVALID: status.UNKNOWN,
  API_CONFLICT: status.ABORTED,
  API_NOT_FOUND: status.NOT_FOUND,
  API_REFUSED: status.FAILED_PRECONDITION,
  API_UNAVAILABLE: status.UNAVAILABLE,
  ATTACH_SUPERSEDED: status.ABORTED,
  CHECKPOINT_FAILED: status.INTERNAL,
  CHECKPOINT_UNREADABLE: status.DATA_LOSS,
  CONFIG_INVALID: status.FAILED_PRECONDITION,
  CORDONED: status.UNAVAILABLE,
  CREDIT_EXCEEDED: status.INVALID_ARGUMENT,
  DISRUPTION_REFUSED: status.FAILED_PRECONDITION,
  DRAIN_FORCED: status.FAILED_PRECONDITION,
  FENCED: status.ABORTED,
  FRAME_INVALID: status.INVALID_ARGUMENT,
  GATE_REFUSED: status.FAILED_PRECONDITION,
  IDENTITY_MISSING: status.UNAUTHENTICATED,
  IDENTITY_REFUSED: status.PERMISSION_DENIED,
  INTERNAL: status.INTERNAL,
  KUBECONFIG_INVALID: status.FAILED_PRECONDITION,
  LIMIT_EXCEEDED: status.RESOURCE_EXHAUSTED,
  OPERATION_REFUSED: status.FAILED_PRECONDITION,
  PANEL_FAILED: status.FAILED_PRECONDITION,
  PANEL_UNKNOWN: status.NOT_FOUND,
  POD_UNKNOWN: status.NOT_FOUND,
  PORT_TAKEN: status.UNAVAILABLE,
  PROGRAM_UNKNOWN: status.NOT_FOUND,
  RECEIPT_MISSING: status.NOT_FOUND,
  RESTART_FAILED: status.INTERNAL,
  RESTART_OVER: status.FAILED_PRECONDITION,
  SESSION_ENDED: status.FAILED_PRECONDITION,
  SESSION_LOST: status.DATA_LOSS,
  SESSION_UNKNOWN: status.NOT_FOUND,
  SESSION_WRONG_MODE: status.FAILED_PRECONDITION,
  STATE_DIR_UNUSABLE: status.FAILED_PRECONDITION,
  TIMEOUT: status.DEADLINE_EXCEEDED,
  TRANSPORT_LOST: status.UNAVAILABLE,
  VERSION_UNSUPPORTED: status.FAILED_PRECONDITION,
  WORKER_UNAVAILABLE: status.UNAVAILABLE,
};

const defaultRetryAfterMs: Readonly<Partial<Record<ErrorCode, number>>> = {
  API_UNAVAILABLE: 1000,
  CORDONED: 1000,
  WORKER_UNAVAILABLE: 250,
};

// A status travels in a block of headers, three times with its message, and a block that is too large is a lost transport to whoever gets it.
const maxMessageChars = 1000;

/** How an RPC ends: what grpc-js takes as a status. */
export interface RpcStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What a status says besides its error. */
export interface StatusOptions {
  /** When to try again, in milliseconds. @default 1000 for API_UNAVAILABLE and CORDONED, 250 for WORKER_UNAVAILABLE, else not said */
  readonly retryAfterMs?: number;
  /** What the error is about: the limit of a LIMIT_EXCEEDED, the field of a FRAME_INVALID. */
  readonly subject?: string;
  /** Node of the agent that answers, for a caller who was verified. @default not said */
  readonly node?: string | undefined;
  /** gRPC status, where somebody else’s answer decides it. @default that of the error's code */
  readonly code?: status;
}

/** gRPC status code of an error code. */
export function grpcCodeOf(code: ErrorCode): status {
  return statusByCode[code];
}

/** Name of the gRPC status that tells a peer about an error, for example UNAVAILABLE. */
export function statusNameOf(error: unknown): string {
  return status[error instanceof PaneletError ? statusByCode[error.code] : status.INTERNAL];
}

/**
 * The status that tells a peer about an error: code, sentence (cut after 1,000 characters), `panelet-reason`, and google.rpc details. The text of an
 * error that is not a PaneletError stays inside.
 */
export function statusOf(error: unknown, options: StatusOptions = {}): RpcStatus {
  const known =
    error instanceof PaneletError
      ? error
      : new PaneletError('INTERNAL', 'Internal error; the log of the server has it.');
  const code = options.code ?? grpcCodeOf(known.code);
  const retryAfterMs = options.retryAfterMs ?? defaultRetryAfterMs[known.code];
  const subject = options.subject ?? 'frame';
  const message = clipped(known.message);
  const metadata = new Metadata();
  metadata.set(reasonKey, known.code);
  if (options.node !== undefined) metadata.set(nodeKey, encodeURIComponent(options.node));
  if (retryAfterMs !== undefined) {
    metadata.set(retryAfterKey, String(Math.ceil(retryAfterMs)));
    metadata.set(retryPushbackKey, String(Math.ceil(retryAfterMs)));
  }
  const details = encodeStatusDetails({
    code,
    message,
    reason: known.code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(code === status.RESOURCE_EXHAUSTED ? { quota: { subject, description: message } } : {}),
    ...(code === status.INVALID_ARGUMENT ? { badField: { field: subject, description: message } } : {}),
  });
  metadata.set(detailsKey, Buffer.from(details));
  return { code, details: message, metadata };
}

function clipped(message: string): string {
  if (message.length <= maxMessageChars) return message;
  // Not in the middle of a character of two code units.
  return `${message.slice(0, maxMessageChars - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** The {@link ErrorCode} that trailing metadata names, if it names one that this release knows. */
export function reasonOf(metadata: Metadata | undefined): ErrorCode | undefined {
  const value = metadata?.get(reasonKey)[0];
  return errorCodes.find((code) => code === value);
}

/** Metadata that names a node: printable whatever its name. */
export function nodeMetadata(node: string): Readonly<Record<string, string>> {
  return { [nodeKey]: encodeURIComponent(node) };
}

/** The node whose agent answered, if it says so. */
export function answeringNodeOf(metadata: Metadata | undefined): string | undefined {
  const text = metadata?.get(nodeKey)[0]?.toString();
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What tells why an RPC failed, as much of it as grpc-js gives. */
export interface FailedRpc {
  readonly code?: number | undefined;
  readonly details?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

/** The code of an RPC's error: its `panelet-reason`, else what its status means from this peer. */
export function errorCodeOf(error: FailedRpc, peer: StatusPeer): ErrorCode {
  return reasonOf(error.metadata) ?? meaningOfStatus(error.code, peer);
}

import { PaneletError, type ErrorCode } from '#common/errors/errors.js';

/** One reason why an object was refused, as kubectl prints it. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** What a refusal is about. */
export interface ApiStatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The Kubernetes answer to a request that failed. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason: string;
  readonly details?: ApiStatusDetails;
  readonly code: number;
}

function errorCodeOf(httpCode: number): ErrorCode {
  if (httpCode === 404) return 'API_NOT_FOUND';
  if (httpCode === 409 || httpCode === 410) return 'API_CONFLICT';
  return httpCode >= 500 ? 'API_UNAVAILABLE' : 'OPERATION_REFUSED';
}

/** A refusal by the API: the store and the server throw it, the server sends its Status. */
export class StatusError extends PaneletError {
  readonly status: Status;

  constructor(httpCode: number, reason: string, message: string, details?: ApiStatusDetails) {
    super(errorCodeOf(httpCode), message);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: httpCode,
    };
  }
}

/** True for a StatusError, of the given reason ("NotFound", "Conflict", …) if one is given. */
export function isStatusError(error: unknown, reason?: string): error is StatusError {
  return error instanceof StatusError && (reason === undefined || error.status.reason === reason);
}

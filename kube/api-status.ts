import { PaneletError, type ErrorCode, messageOf } from '#common/errors/errors.js';

/** What an API server says about a failure. */
export class ApiStatus extends Error {
  override readonly name = 'ApiStatus';

  constructor(
    /** HTTP status. */
    readonly code: number,
    /** Kubernetes' word for it, such as AlreadyExists; empty when it gives none. */
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/** The API server's answer behind an error; undefined when it gave none. */
export function apiStatusOf(error: unknown): ApiStatus | undefined {
  if (error instanceof ApiStatus) return error;
  return error instanceof PaneletError && error.cause instanceof ApiStatus ? error.cause : undefined;
}

/** True when a list or watch has to start over, because the server has forgotten what it asks about. */
export function isExpired(error: unknown): boolean {
  return apiStatusOf(error)?.code === 410;
}

interface StatusBody {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: readonly { readonly reason?: unknown }[] | null } | null;
}

function causesOf(status: StatusBody | null): string[] {
  return (status?.details?.causes ?? []).map(({ reason }) => reason).filter((reason) => typeof reason === 'string');
}

function codeOf(status: number, causes: readonly string[]): ErrorCode {
  if (status === 429 && causes.includes('DisruptionBudget')) return 'DISRUPTION_REFUSED';
  if (status === 404) return 'API_NOT_FOUND';
  if (status === 409 || status === 410) return 'API_CONFLICT';
  return status === 429 || status >= 500 ? 'API_UNAVAILABLE' : 'API_REFUSED';
}

/** Error for an answer that is not a success. `what` says what was asked, for example `patch pods a/b`. */
export function apiErrorOf(what: string, code: number, body: string): PaneletError {
  let reason = '';
  let message = body.slice(0, 300);
  let causes: readonly string[] = [];
  try {
    const status = JSON.parse(body) as StatusBody | null;
    if (typeof status?.reason === 'string') reason = status.reason;
    if (typeof status?.message === 'string') message = status.message;
    causes = causesOf(status);
  } catch {
    // A proxy in between answers in its own words.
  }
  const cause = new ApiStatus(code, reason, message);
  return new PaneletError(codeOf(code, causes), `The API server refused to ${what}: ${code} ${message}`, { cause });
}

/** Error for a call that got no answer. */
export function errorOfFailure(what: string, error: unknown): PaneletError {
  if (error instanceof PaneletError) return error;
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = messageOf(inner);
  return new PaneletError('API_UNAVAILABLE', `The API server did not answer to ${what}: ${text}`, { cause: error });
}

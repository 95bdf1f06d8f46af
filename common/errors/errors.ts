/**
 * Every error code of Panelet; the reference of errors describes each. Edges map a code once: gRPC status, Kubernetes condition, exit code.
 */
export const errorCodes = [
  'AGENT_UNREACHABLE',
  'ALREADY_RUNNING',
  'ANSWER_INVALID',
  'API_CONFLICT',
  'API_NOT_FOUND',
  'API_REFUSED',
  'API_UNAVAILABLE',
  'ATTACH_SUPERSEDED',
  'CHECKPOINT_FAILED',
  'CHECKPOINT_UNREADABLE',
  'CONFIG_INVALID',
  'CORDONED',
  'CREDIT_EXCEEDED',
  'DISRUPTION_REFUSED',
  'DRAIN_FORCED',
  'FENCED',
  'FRAME_INVALID',
  'GATE_REFUSED',
  'IDENTITY_MISSING',
  'IDENTITY_REFUSED',
  'INTERNAL',
  'KUBECONFIG_INVALID',
  'LIMIT_EXCEEDED',
  'OPERATION_REFUSED',
  'PANEL_FAILED',
  'PANEL_UNKNOWN',
  'POD_UNKNOWN',
  'PORT_TAKEN',
  'PROGRAM_UNKNOWN',
  'RECEIPT_MISSING',
  'RESTART_FAILED',
  'RESTART_OVER',
  'SESSION_ENDED',
  'SESSION_LOST',
  'SESSION_UNKNOWN',
  'SESSION_WRONG_MODE',
  'STATE_DIR_UNUSABLE',
  'TIMEOUT',
  'TRANSPORT_LOST',
  'VERSION_UNSUPPORTED',
  'WORKER_UNAVAILABLE',
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** What an error has beside its code and the words for what is wrong. */
export interface ErrorFacts {
  readonly cause?: unknown;
  /** What to do: sentences of their own, with which the message ends. */
  readonly advice?: string | undefined;
  /** What somebody needs who says the same in other words, for example `address`; never a secret. */
  readonly details?: Readonly<Record<string, string>> | undefined;
}

/**
 * On every error of Panelet, whichever copy of this file has made it: a program may hold two, as with the client SDK and another release of
 * it, and `instanceof` knows its own class only.
 */
const brand = Symbol.for('panelet.error');

/** The one error class: a code to switch on, a message that says what is wrong, where, and what to do. */
export class PaneletError extends Error {
  override readonly name = 'PaneletError';
  /** What is wrong, and where: the message without its advice. */
  readonly problem: string;
  /** What to do about it: sentences of their own. */
  readonly advice: string | undefined;
  /** What is needed to say the same in other words, for example `address`; never a secret. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    /** What to switch on. */
    readonly code: ErrorCode,
    problem: string,
    { advice, details = {}, ...options }: ErrorFacts = {},
  ) {
    super(advice === undefined ? problem : `${problem} ${advice}`, options);
    Object.defineProperty(this, brand, { value: true });
    this.problem = problem;
    this.advice = advice;
    this.details = details;
  }

  /** The same error with other advice; the cause stays what it is. */
  advising(advice: string): PaneletError {
    const { code, problem, details, cause } = this;
    return new PaneletError(code, problem, { advice, details, ...(cause === undefined ? {} : { cause }) });
  }

  /** The error itself when it is a PaneletError, else one of the code `fallback` with the error as its cause. */
  static from(error: unknown, fallback: ErrorCode = 'INTERNAL'): PaneletError {
    if (isPaneletError(error)) return error;
    return new PaneletError(fallback, messageOf(error), { cause: error });
  }
}

/** What something thrown says, error or not; one of another realm, as of `node:vm`, is no `Error` of this one. */
export function messageOf(thrown: unknown): string {
  const message: unknown = (thrown as Partial<Error> | null | undefined)?.message;
  return typeof message === 'string' ? message : String(thrown);
}

/** Something thrown, or the reason of a signal, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** True for a PaneletError, of the given code if one is given. */
export function isPaneletError(error: unknown, code?: ErrorCode): error is PaneletError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as unknown as PaneletError).code === code;
}

/** For the default of a switch that the compiler proves complete. */
export function unreachable(value: never): never {
  throw new PaneletError('INTERNAL', `Unexpected value ${JSON.stringify(value)}. This is a bug in Panelet.`);
}

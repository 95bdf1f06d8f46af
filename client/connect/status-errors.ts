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

/** Why an agent cannot be reached, as `details.trouble` of the error says. */
export type Trouble = keyof typeof adviceByTrouble;

/** What to do about each. */
export const adviceByTrouble = {
  'other-name':
    'Its certificate is for another name: check that the address leads to this agent, or say which name it has.',
  untrusted: 'Its certificate is not trusted: give the authority that signed it.',
  plaintext: 'It does not speak TLS: check the address, or ask for plaintext.',
  unresolved: 'The name does not resolve: check the address.',
  refused: 'Nothing listens there: check the address, and that the agent runs.',
  silent: 'Nothing answers there: check the address, and that it can be reached from here.',
  unknown: 'Check the address, and that it is the port of a Panelet agent.',
} as const;

// Node and OpenSSL say it in words only.
const troubleWords: readonly (readonly [RegExp, Trouble])[] = [
  [/altname/i, 'other-name'],
  [/certificate|self.signed|unable to (verify|get)/i, 'untrusted'],
  [/wrong version number|EPROTO|packet length/i, 'plaintext'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/i, 'unresolved'],
  [/ECONNREFUSED/, 'refused'],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, 'silent'],
];

/** The trouble in what Node, OpenSSL or grpc-js say. */
export function troubleOf(words: string): Trouble {
  return troubleWords.find(([pattern]) => pattern.test(words))?.[1] ?? 'unknown';
}

interface Sentences {
  readonly problem: string;
  readonly advice?: string;
  readonly trouble?: Trouble;
}

function sentencesOf(code: ErrorCode, rpc: RpcStatus, address: string): Sentences {
  switch (code) {
    case 'IDENTITY_MISSING':
      return { problem: `The agent at ${address} does not accept this token.`, advice: 'Give one that it knows.' };
    case 'IDENTITY_REFUSED': {
      const problem = `The agent at ${address} does not allow this to your identity.`;
      return { problem, advice: 'Use a token with the role it needs.' };
    }
    case 'AGENT_UNREACHABLE': {
      const trouble = troubleOf(rpc.details);
      return { problem: `The agent at ${address} cannot be reached.`, advice: adviceByTrouble[trouble], trouble };
    }
    case 'VERSION_UNSUPPORTED': {
      const problem = `What answers at ${address} does not offer this call.`;
      return { problem, advice: 'Check that it is a Panelet agent of this version.' };
    }
    case 'TIMEOUT':
      return { problem: `The agent at ${address} did not answer in time.`, advice: 'Try again.' };
    case 'TRANSPORT_LOST':
      return { problem: `The connection to ${address} was cut.`, advice: 'Try again.' };
    default:
      return { problem: `The agent at ${address} answered: ${rpc.details}` };
  }
}

/** The status behind an error, in words. */
class StatusError extends Error {
  override readonly name = 'StatusError';
  /** The node whose agent has answered; not in what a stack trace shows. */
  readonly #answeringNode: string | undefined;

  constructor(rpc: RpcStatus) {
    super(`gRPC status ${status[rpc.code]}: ${rpc.details}`);
    this.#answeringNode = answeringNodeOf(rpc.metadata);
  }

  get answeringNode(): string | undefined {
    return this.#answeringNode;
  }
}

/** The node whose agent gave an error of `clientErrorOf`, if it said so. */
export function answeringNodeOfError({ cause }: Error): string | undefined {
  return cause instanceof StatusError ? cause.answeringNode : undefined;
}

/**
 * The error of a status that is not OK. What an agent or worker says (`panelet-reason`, the message) is kept; the rest
 * gets sentences that say what to do. `details` has the address and, where it cannot be reached, the {@link Trouble}. The
 * status itself is the cause.
 */
export function clientErrorOf(rpc: RpcStatus, address: string): PaneletError {
  const cause = new StatusError(rpc);
  const reason = reasonOf(rpc.metadata);
  if (reason !== undefined && rpc.details !== '') {
    return new PaneletError(reason, rpc.details, { cause, details: { address } });
  }
  const code = errorCodeOf(rpc, 'agent');
  const { problem, advice, trouble } = sentencesOf(code, rpc, address);
  return new PaneletError(code, problem, { advice, cause, details: { address, ...(trouble && { trouble }) } });
}

/** The error of a connection over which a session was attached, and that ended without a word: the agent is there, or will be. */
export function cutErrorOf(rpc: RpcStatus, address: string): PaneletError {
  const cause = new StatusError(rpc);
  return new PaneletError('TRANSPORT_LOST', `The connection to ${address} was cut.`, { cause, details: { address } });
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

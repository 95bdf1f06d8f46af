import { isPaneletError } from '#common/errors/errors.js';
import { AuthenticationError, type AuthenticationFailure } from './authentication-error.js';
import type { Credentials, Identity } from './identity.js';
import type { RefusalAudit } from './refusal-audit.js';

/**
 * How authentications end: accepted, or with a failure; `unavailable` when nobody could say, `limit` when too many waited for an
 * answer, `gone` when the connection ended before.
 */
export const authenticationResults = [
  ...(['accepted', 'none', 'malformed', 'expired', 'early', 'audience', 'refused'] as const),
  ...(['unavailable', 'limit', 'gone'] as const),
] as const satisfies readonly ('accepted' | AuthenticationFailure | 'unavailable' | 'limit' | 'gone')[];

/** How an authentication ended. */
export type AuthenticationResult = (typeof authenticationResults)[number];

/** Who is told. */
export interface AuthenticationWatch {
  readonly audit: RefusalAudit;
  readonly onResult: (result: AuthenticationResult) => void;
}

/** Lets `next` say who calls, counts how that went and writes down what was refused. */
export function watchAuthentications(next: Identity, { audit, onResult }: AuthenticationWatch): Identity {
  return {
    authenticate: async (credentials) => {
      try {
        const caller = await next.authenticate(credentials);
        onResult('accepted');
        return caller;
      } catch (error) {
        const result = resultOf(error, credentials);
        onResult(result);
        if (result !== 'gone') audit.record(result, credentials.connection?.address ?? credentials.remoteAddress);
        throw error;
      }
    },
    current: (caller) => next.current(caller),
    reload: () => next.reload(),
  };
}

function resultOf(error: unknown, { connection }: Credentials): Exclude<AuthenticationResult, 'accepted'> {
  if (error instanceof AuthenticationError) return error.failure;
  if (isPaneletError(error, 'IDENTITY_MISSING')) return 'refused';
  if (isPaneletError(error, 'LIMIT_EXCEEDED')) return 'limit';
  return connection?.signal?.aborted === true ? 'gone' : 'unavailable';
}

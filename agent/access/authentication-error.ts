import { PaneletError } from '#common/errors/errors.js';

/**
 * Why credentials prove nothing: `none` came; `malformed`, they cannot be a token; `expired` or `early`, the token is not valid
 * now; `audience`, it was made for something else; `refused`, nobody that this agent trusts knows it.
 */
export type AuthenticationFailure = 'none' | 'malformed' | 'expired' | 'early' | 'audience' | 'refused';

/** IDENTITY_MISSING, and why. */
export class AuthenticationError extends PaneletError {
  constructor(
    readonly failure: AuthenticationFailure,
    message: string,
  ) {
    super('IDENTITY_MISSING', message);
  }
}

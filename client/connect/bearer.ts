import { PaneletError } from '#common/errors/errors.js';

/**
 * The value of `authorization` for a token, without the line end that files and variables have. Undefined for none.
 * @throws CONFIG_INVALID for what no header can carry; the token is not in the message
 */
export function bearer(token: string | undefined): string | undefined {
  const text = token?.trim() ?? '';
  if (text === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(text)) return `Bearer ${text}`;
  const problem = 'The token has a space, a line end or another character that no token has.';
  throw new PaneletError('CONFIG_INVALID', problem, {
    advice: 'Give it as it was issued.',
    details: { setting: 'token' },
  });
}

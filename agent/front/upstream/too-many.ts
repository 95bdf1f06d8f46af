import { PaneletError } from '#common/errors/errors.js';

/** The error of a caller who has more streams, or broke off more, than is good for the others. */
export function tooMany(message: string): PaneletError {
  return new PaneletError('LIMIT_EXCEEDED', message);
}

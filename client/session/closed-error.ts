import { PaneletError } from '#common/errors/errors.js';
import type { SessionEnd } from './panelet-session.js';

/** Why nothing can be written to a session any more. */
export function closedErrorOf(end: SessionEnd): PaneletError {
  switch (end.kind) {
    case 'failed':
      return end.error;
    case 'detached': {
      const advice = 'Resume it to go on.';
      return new PaneletError('OPERATION_REFUSED', 'This client has left the session, which is kept.', { advice });
    }
    case 'ended':
      return new PaneletError('SESSION_ENDED', 'The session is over.', { advice: 'Open a new one.' });
  }
}

import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { EndCause } from '#proto/session/v1/session.js';
import type { ClientNext } from '#session/client/client-link.js';
import type { EndedBy, SessionEnd } from './panelet-session.js';

/** How a loop of attachments ended; `left` when this client wanted it. */
export type LoopEnd = (Exclude<ClientNext, { readonly kind: 'reattach' }> | { readonly kind: 'left' }) & {
  readonly cause?: PaneletError | undefined;
};

const causes: Readonly<Partial<Record<EndCause, EndedBy>>> = {
  [EndCause.FINISHED]: 'finished',
  [EndCause.ASKED]: 'asked',
  [EndCause.EXPIRED]: 'expired',
  [EndCause.LIMIT]: 'limit',
  [EndCause.FAILED]: 'failed',
  [EndCause.FORCED]: 'forced',
};

/** What the end of its loop is for the session. */
export function sessionEndOf(end: LoopEnd): SessionEnd {
  switch (end.kind) {
    case 'left':
      return { kind: 'detached' };
    case 'superseded': {
      const advice = 'Attach again with takeover to have it back.';
      const error = new PaneletError('ATTACH_SUPERSEDED', 'Another client has taken the session over.', { advice });
      return { kind: 'failed', error };
    }
    case 'ended':
      if (end.code !== undefined) return { kind: 'failed', error: errorWithFacts(end.code, end) };
      return { kind: 'ended', cause: causes[end.endCause ?? EndCause.UNSPECIFIED] ?? 'unknown', message: end.message };
    case 'failed':
      return { kind: 'failed', error: errorWithFacts(end.code, end) };
  }
}

// The error that the loop met says more than its sentence.
function errorWithFacts(
  code: ErrorCode,
  { message, cause }: { readonly message: string; readonly cause?: PaneletError | undefined },
): PaneletError {
  return cause?.code === code && cause.message === message ? cause : new PaneletError(code, message, { cause });
}

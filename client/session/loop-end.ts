import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { EndCause } from '#proto/session/v1/session.js';
import type { ClientNext } from '#session/client/client-link.js';
import type { EndedBy, SessionEnding } from './panelet-session.js';

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

/** What the worker has said of the end; undefined when it is not the worker that ended the session. */
export function endingOf(end: LoopEnd): SessionEnding | undefined {
  if (end.kind !== 'ended' || end.code !== undefined) return undefined;
  return { cause: causes[end.endCause ?? EndCause.UNSPECIFIED] ?? 'unknown', message: end.message };
}

/** What the owner of the session is told of the end; undefined where nothing is wrong. */
export function errorOfLoopEnd(end: LoopEnd): PaneletError | undefined {
  switch (end.kind) {
    case 'left':
      return undefined;
    case 'superseded': {
      const message = 'Another client has taken the session over. Attach again with takeover to have it back.';
      return new PaneletError('ATTACH_SUPERSEDED', message);
    }
    case 'ended':
      return end.code === undefined ? undefined : errorWithFacts(end.code, end);
    case 'failed':
      return errorWithFacts(end.code, end);
  }
}

// The error that the loop met says more than its sentence.
function errorWithFacts(
  code: ErrorCode,
  { message, cause }: { readonly message: string; readonly cause?: PaneletError | undefined },
): PaneletError {
  return cause?.code === code && cause.message === message ? cause : new PaneletError(code, message, { cause });
}

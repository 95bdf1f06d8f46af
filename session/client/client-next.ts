import { durationToMs } from '#common/time/duration.js';
import type { ErrorCode } from '#common/errors/errors.js';
import { DetachReason, DrainPhase, type Detach, type Drain } from '#proto/session/v1/session.js';
import type { AttachmentEnd, ClientNext } from './client-effects.js';

/** What was known when an attachment ended. */
export interface Ending {
  readonly drain: Drain | undefined;
  readonly detach: Detach | undefined;
  /** True when the session was entered, on this attachment or an earlier one. */
  readonly wasWelcomed: boolean;
  /** True when another attachment of this client has superseded it. */
  readonly isOwnTakeover: boolean;
}

// Refusals that another attempt may not get.
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'AGENT_UNREACHABLE',
  'CORDONED',
  'TIMEOUT',
  'TRANSPORT_LOST',
  'WORKER_UNAVAILABLE',
]);

/** What follows the end of an attachment. Pure. */
export function nextAfter(end: AttachmentEnd, ending: Ending): ClientNext {
  switch (end.kind) {
    case 'ok':
      return afterOk(ending);
    case 'transport':
      return afterFrames(ending) ?? again;
    case 'refused':
      return afterRefusal(end, ending);
  }
}

const again: ClientNext = { kind: 'reattach', afterMs: 0, backoff: true, node: '' };

function afterOk(ending: Ending): ClientNext {
  return afterFrames(ending) ?? again;
}

// The frames that came before the end say more than its status.
function afterFrames({ drain, detach, isOwnTakeover }: Ending): ClientNext | undefined {
  const message = detach?.message ?? '';
  if (detach?.reason === DetachReason.SUPERSEDED) return isOwnTakeover ? again : { kind: 'superseded', message };
  if (detach?.reason === DetachReason.ENDED) return { kind: 'ended', code: undefined, message, endCause: detach.cause };
  if (detach?.reason === DetachReason.REVOKED) return { kind: 'failed', code: 'IDENTITY_REFUSED', message };
  if (drain?.phase === DrainPhase.READY) {
    return { kind: 'reattach', afterMs: durationToMs(drain.retryAfter, 0), backoff: false, node: drain.node };
  }
  return undefined;
}

/**
 * What follows when the one attachment has ended first, and then the other one, without a Welcome. What is final is so,
 * whichever of them said it; else the latest answer counts, and an end that was none leaves what the first one said. Pure.
 */
export function nextAfterBoth(first: ClientNext, latest: ClientNext, latestEnd: AttachmentEnd): ClientNext {
  if (first.kind !== 'reattach') return first;
  return latest.kind !== 'reattach' || latestEnd.kind === 'refused' ? latest : first;
}

function afterRefusal(end: Extract<AttachmentEnd, { readonly kind: 'refused' }>, ending: Ending): ClientNext {
  const { code, message } = end;
  if (passing.has(code) || (code === 'LIMIT_EXCEEDED' && ending.wasWelcomed)) {
    return { kind: 'reattach', afterMs: end.retryAfterMs ?? 0, backoff: true, node: '' };
  }
  if (!ending.wasWelcomed) return { kind: 'failed', code, message };
  if (code === 'FENCED' || code === 'ATTACH_SUPERSEDED') return { kind: 'superseded', message };
  if (code === 'SESSION_ENDED' || code === 'SESSION_UNKNOWN') return { kind: 'ended', code, message };
  return { kind: 'failed', code, message };
}

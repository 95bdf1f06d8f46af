import { DetachReason, EndCause, type Detach, type Frames } from '#proto/session/v1/session.js';
import type { Endpoint } from '../endpoint/endpoint.js';

/**
 * The message that ends an attachment and keeps the session. To an attachment that was superseded it says nothing about
 * ack and credit: those are for the one that took over.
 */
export function detachMessage(endpoint: Endpoint, reason: DetachReason, message: string): Frames {
  return wrapDetach(endpoint, { reason, message, cause: EndCause.UNSPECIFIED });
}

/** The message that tells an attachment that its session has ended, and why. */
export function endMessage(endpoint: Endpoint, cause: EndCause, message: string): Frames {
  return wrapDetach(endpoint, { reason: DetachReason.ENDED, message, cause });
}

function wrapDetach(endpoint: Endpoint, value: Detach): Frames {
  const { reason } = value;
  const frames = [{ seq: 0, kind: { $case: 'detach' as const, value } }];
  return reason === DetachReason.SUPERSEDED ? { ack: 0, credit: 0, frames } : endpoint.wrap(frames);
}

import { DetachReason, EndCause, type Detach, type Frames } from '#proto/session/v1/session.js';
import type { Endpoint } from '../endpoint/endpoint.js';

/** The message that ends an attachment and keeps the session. */
export function detachMessage(endpoint: Endpoint, reason: DetachReason, message: string): Frames {
  return endpoint.wrap(framesOf({ reason, message, cause: EndCause.UNSPECIFIED, attachNonce: '' }));
}

/** The message that tells an attachment that its session has ended, and why. */
export function endMessage(endpoint: Endpoint, cause: EndCause, message: string): Frames {
  return endpoint.wrap(framesOf({ reason: DetachReason.ENDED, message, cause, attachNonce: '' }));
}

/**
 * The message that tells an attachment which other one took over, by its nonce. It says nothing about ack and credit: those
 * are for the one that took over.
 */
export function supersededMessage(attachNonce: string, message: string): Frames {
  const value = { reason: DetachReason.SUPERSEDED, message, cause: EndCause.UNSPECIFIED, attachNonce };
  return { ack: 0, credit: 0, frames: framesOf(value) };
}

function framesOf(value: Detach): Frames['frames'] {
  return [{ seq: 0, kind: { $case: 'detach', value } }];
}

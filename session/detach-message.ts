import { DetachReason, type Frames } from '#proto/session/v1/session.js';
import type { Endpoint } from './endpoint.js';

/**
 * The message that ends an attachment and keeps the session. To an attachment that was superseded it says nothing about
 * ack and credit: those are for the one that took over.
 */
export function detachMessage(endpoint: Endpoint, reason: DetachReason, message: string): Frames {
  const frames = [{ seq: 0, kind: { $case: 'detach' as const, value: { reason, message } } }];
  return reason === DetachReason.SUPERSEDED ? { ack: 0, credit: 0, frames } : endpoint.wrap(frames);
}

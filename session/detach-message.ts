import type { DetachReason, Frames } from '#proto/session/v1/session.js';
import type { Endpoint } from './endpoint.js';

/** The message that ends an attachment and keeps the session. */
export function detachMessage(endpoint: Endpoint, reason: DetachReason, message: string): Frames {
  return endpoint.wrap([{ seq: 0, kind: { $case: 'detach', value: { reason, message } } }]);
}

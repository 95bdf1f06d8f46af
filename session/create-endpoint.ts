import type { Endpoint, EndpointState } from './endpoint.js';
import type { SessionLimits } from './limits.js';

/** How an endpoint is made. */
export interface EndpointOptions {
  /** @default defaultLimits */
  readonly limits?: SessionLimits;
}

/** A fresh endpoint: both directions start at 1. */
export function createEndpoint(options: EndpointOptions = {}): Endpoint {
  throw new Error('unfinished', { cause: options });
}

/**
 * The endpoint that `save` described, detached.
 * @throws CHECKPOINT_UNREADABLE when the state contradicts itself.
 */
export function restoreEndpoint(state: EndpointState, options: EndpointOptions = {}): Endpoint {
  throw new Error('unfinished', { cause: { state, options } });
}

/** Limits of the protocol, enforced on receipt (docs/reference/session-protocol.md). Sizes in bytes. */
export interface SessionLimits {
  /** Largest payload of one data frame. */
  readonly maxDataBytes: number;
  /** Largest encoded Frames message. */
  readonly maxMessageBytes: number;
  /** Largest payload of one event. */
  readonly maxEventBytes: number;
  /** Most events that are sent and not acknowledged. */
  readonly maxUnackedEvents: number;
  /** Data bytes that may arrive ahead of what the consumer has taken (the credit window). */
  readonly windowBytes: number;
  /** Data bytes in the replay buffer at which a writer is asked to pause. */
  readonly replayBytes: number;
  /** Size a coalesced message aims at; one frame may exceed it. */
  readonly coalesceBytes: number;
}

/** Limits of protocol version 1. */
export const defaultLimits: SessionLimits = {
  maxDataBytes: 64 * 1024,
  maxMessageBytes: 128 * 1024,
  maxEventBytes: 4 * 1024,
  maxUnackedEvents: 64,
  windowBytes: 256 * 1024,
  replayBytes: 512 * 1024,
  coalesceBytes: 32 * 1024,
};

/** The protocol version that this code speaks. */
export const protocolVersion = 1;

import type { GateStatus, WatchResponse } from '#proto/gate/v1/gate.js';
import type { PacedNews } from './paced-stream.js';

/** Changes of a gate are told together once in so many milliseconds. */
export const gateNewsMs = 250;

/** What of a status is news to somebody who follows it; durations are not. Two statuses differ only if their texts do. */
export function gateNewsOf(status: GateStatus): string {
  const holders = status.holders.map(({ sessionId, operation }) => [sessionId, operation]);
  return JSON.stringify({ ...status, leaseRemaining: undefined, deadlineRemaining: undefined, holders });
}

/** What one reader of Watch was told, and so what is news to him. */
export class GateNews {
  #told = '';

  /** What to tell of a status, after which it is told. */
  next(status: GateStatus): PacedNews<WatchResponse> {
    const now = gateNewsOf(status);
    if (now === this.#told) return {};
    this.#told = now;
    return { message: { status } };
  }
}

import type { GateStatus, WatchResponse } from '#proto/gate/v1/gate.js';
import type { PacedNews } from './paced-stream.js';

/** Changes of a gate are told together once in so many milliseconds. */
export const gateNewsMs = 250;

/** What of a status is news to somebody who follows it; durations are not. Two statuses differ only if their texts do. */
function gateNewsOf(status: GateStatus): string {
  const holders = status.holders.map(({ sessionId, operation }) => [sessionId, operation]);
  return JSON.stringify({ ...status, leaseRemaining: undefined, deadlineRemaining: undefined, holders });
}

/** What those who follow a gate were told, and so what is news to them. */
export class GateNews {
  #told = '';

  /** True when something in a status is new besides the time; it is told then. */
  isNews(status: GateStatus): boolean {
    const now = gateNewsOf(status);
    if (now === this.#told) return false;
    this.#told = now;
    return true;
  }

  /** What to tell one reader of Watch of a status, after which it is told. */
  next(status: GateStatus): PacedNews<WatchResponse> {
    return this.isNews(status) ? { message: { status } } : {};
  }
}

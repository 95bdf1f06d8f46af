import { reasonOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import type { Clock } from '#common/time/clock.js';
import { defaultTimes, type AttachTimes } from '../connect/attach-times.js';

// The last attempt is a real one, too.
const shortestDialMs = 1000;

/** How long one session may be without an attachment before it is given up. */
export class AttachBudget {
  readonly #times: AttachTimes;
  readonly #clock: Clock;
  /** When the session was last attached, or when the first attempt began. */
  #sinceMs = 0;
  /** What the worker has said at the last welcome; undefined before the first. */
  #ttlMs: number | undefined;

  constructor(times: AttachTimes, clock: Clock) {
    this.#times = times;
    this.#clock = clock;
  }

  /** From now on there is no attachment. */
  restart(): void {
    this.#sinceMs = this.#clock.nowMs();
  }

  /** The worker keeps the session for so long, in milliseconds, without an attachment. */
  welcomed(ttlMs: number): void {
    this.#ttlMs = ttlMs;
  }

  /** For the connection of an attempt that begins now, in milliseconds. A session that exists is worth more patience than one to be opened. */
  get dialMs(): number {
    const { dialTimeoutMs, reattachTimeoutMs = this.#ttlMs } = this.#times;
    if (dialTimeoutMs !== undefined) return dialTimeoutMs;
    if (this.#ttlMs === undefined || reattachTimeoutMs === undefined) return this.#connectMs;
    const leftMs = this.#sinceMs + reattachTimeoutMs - this.#clock.nowMs();
    return Math.min(this.welcomeMs, Math.max(leftMs, shortestDialMs));
  }

  /** For the welcome of an attempt that has its connection, in milliseconds. */
  get welcomeMs(): number {
    return this.#times.attachTimeoutMs ?? defaultTimes.attachTimeoutMs;
  }

  /** True when another attempt after this delay, in milliseconds, comes in time. @param rpc how the last one ended */
  allows(delayMs: number, rpc: RpcStatus): boolean {
    return this.#clock.nowMs() + delayMs - this.#sinceMs <= this.#limitMs(rpc);
  }

  get #connectMs(): number {
    return this.#times.connectTimeoutMs ?? defaultTimes.connectTimeoutMs;
  }

  #limitMs(rpc: RpcStatus): number {
    if (this.#ttlMs !== undefined) return this.#times.reattachTimeoutMs ?? this.#ttlMs;
    const isAnswer = reasonOf(rpc.metadata) !== undefined;
    return isAnswer ? (this.#times.openTimeoutMs ?? defaultTimes.openTimeoutMs) : this.#connectMs;
  }
}

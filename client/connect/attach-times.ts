/** Times of an attachment loop, in milliseconds. */
export interface AttachTimes {
  /** For the first attachment, while agents answer "not now". @default 30000 */
  readonly openTimeoutMs?: number;
  /** For the first attachment, while no agent answers at all. @default 5000 */
  readonly connectTimeoutMs?: number;
  /**
   * For the connection of one attempt, over all addresses that race for it; the time for a welcome comes on top.
   * @default `connectTimeoutMs` before the first attachment and for calls, `attachTimeoutMs` after it
   */
  readonly dialTimeoutMs?: number;
  /** For one attempt that has a connection, until its welcome. An agent holds an attempt up to 10 s. @default 15000 */
  readonly attachTimeoutMs?: number;
  /** How long to try again after a loss. @default the time to live that the worker says */
  readonly reattachTimeoutMs?: number;
}

/** Those defaults of {@link AttachTimes} that are numbers. */
export const defaultTimes = { openTimeoutMs: 30_000, connectTimeoutMs: 5_000, attachTimeoutMs: 15_000 } as const;
